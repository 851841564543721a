// The short table of a comparison on a GPU: the last lines that it prints, one a cell, and one a checked engine.

import type { GpuReport } from "./gpu-report.js";
import type { CellReport } from "./paired-cells.js";

/** The table's lines. */
export function summaryLines({
  checks,
  overhead,
  models,
  blocks,
  profiles,
  seconds,
  leftOut,
}: GpuReport): readonly string[] {
  const lines = ["", "== checks: engine, comparisons forward and backward, worst error, failures"];
  for (const { engine, cases, forward, backward, worst, worstAbout, failures } of checks) {
    lines.push(
      `${engine}: ${cases} checks, ${forward} + ${backward}, worst ${worst.toExponential(1)} (${worstAbout}), ${failures.length} failed`,
    );
    for (const { name, message } of failures.slice(0, 6)) lines.push(`  ${name}: ${message.slice(0, 160)}`);
  }
  lines.push("== microseconds of a graph, and of one operation more", JSON.stringify(overhead.microseconds));
  lines.push("== units a second, and times as fast as PyTorch");
  for (const { cells, failures } of [...models, ...blocks]) {
    for (const cell of cells) lines.push(...cellSummary(cell));
    for (const [name, failure] of Object.entries(failures)) lines.push(`  ${name}: FAILED: ${failure.slice(0, 160)}`);
  }
  for (const { model, work, microseconds, kernels } of profiles) {
    const shares = kernels
      .slice(0, 8)
      .map((one) => `${one.name.slice(0, 60)} ${((100 * one.microseconds) / microseconds).toFixed(0)}%`);
    lines.push(`profile ${model} ${work}, ${microseconds.toFixed(0)} us: ${shares.join("; ")}`);
  }
  const parts = Object.entries(seconds).map(([name, taken]) => `${name} ${taken.toFixed(0)}`);
  lines.push(`== seconds: ${parts.join(", ")}; left out: ${leftOut.join(", ") || "nothing"}`);
  return lines;
}

function cellSummary({ name, unitsPerSecond, timesAsFast, failures = {} }: CellReport): string[] {
  const own = Object.entries(unitsPerSecond).map(([contestant, rate]) => {
    const ratios = Object.values(timesAsFast[contestant] ?? {}).map(({ median }) => median.toFixed(2));
    return `${shortName(contestant)} ${rate.toPrecision(4)}${ratios.length > 0 ? ` (${ratios.join("x, ")}x)` : ""}`;
  });
  const failed = Object.entries(failures).map(
    ([contestant, why]) => `${shortName(contestant)} FAILED ${why.slice(0, 100)}`,
  );
  return [`${name} | ${[...own, ...failed].join(" | ")}`];
}

function shortName(contestant: string): string {
  return contestant.replace(/(device|weights|precision|backend|cache)=/g, "");
}
