// The first thing a newcomer runs. First rows: real text, the real DeepSeek-V3 tokenizer, the tables of the published demo, and
// rows that are checked another way. Then learning: a small model with a table, trained on real text, its table moved from
// tier to tier without a change, text, and a report with figures. Not a benchmark: one run, one machine, nothing repeated.
//   npm run quickstart [-- --small] [-- --out FOLDER] [-- --text FILE] [-- --tokens N] [-- --json]

import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { groupDigits, textTable } from "@engram-ts/cli";
import { EngramError, isEngramError } from "@engram-ts/core";
import { machineCard } from "../machine-card.js";
import { quickstartReport } from "./quickstart-report.js";
import { lookUpRows } from "./quickstart-rows.js";
import { quickstartSteps } from "./quickstart-steps.js";
import { type QuickstartTraining, trainAndReload } from "./quickstart-train.js";

const MOST_TOKENS = 2 ** 20;

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      small: { type: "boolean", default: false },
      out: { type: "string" },
      text: { type: "string" },
      tokens: { type: "string", default: "65536" },
      json: { type: "boolean", default: false },
    },
  });
  const { small, text, out } = options;
  const tokens = tokenLimit(options.tokens);
  const date = new Date().toISOString();
  const running = quickstartSteps();
  const rows = await lookUpRows({ small, tokens, ...(text !== undefined && { text }) }, running);
  const folder = out === undefined ? await mkdtemp(join(tmpdir(), "engram-quickstart-")) : resolve(out);
  await mkdir(folder, { recursive: true });
  const training = await trainAndReload({ small, folder }, running);
  const report = join(folder, "report.html");
  await writeFile(report, quickstartReport(training, date));
  const { explained: _, curve: __, curveWithout: ___, run: ____, ...figures } = training;
  const peakMemoryBytes = process.resourceUsage().maxRSS * 1024;
  const summary = { date, machine: machineCard(), ...rows, peakMemoryBytes, training: figures, steps: running.steps };
  const equal = equalOnAllTiers(training);
  process.stdout.write(
    options.json ? `${JSON.stringify(summary)}\n` : `${describe({ ...summary, training, report, equal })}\n`,
  );
  if (rows.verified.wrong > 0 || !equal) process.exitCode = 1;
}

/** Loss and text, from every tier. */
function equalOnAllTiers({ tiers }: QuickstartTraining): boolean {
  return tiers.every(({ loss, text }) => loss === tiers[0]?.loss && text === tiers[0]?.text);
}

function describe(summary: {
  tokens: number;
  uniqueNgrams: Record<string, number>;
  rows: number;
  distinctRows: number;
  rowsPerSecond: number;
  peakMemoryBytes: number;
  verified: { readonly wrong: number };
  training: QuickstartTraining;
  report: string;
  equal: boolean;
  steps: readonly { readonly step: string; readonly seconds: number; readonly what: string }[];
}): string {
  const { steps, uniqueNgrams: unique, training, report, equal } = summary;
  const { held, heldWithout, unigram, tiers } = training;
  const rows = steps.map(({ step, seconds, what }) => [step, seconds.toFixed(2), what]);
  return [
    textTable(
      ["step", "seconds", "what"],
      [...rows, ["total", sum(steps, ({ seconds }) => seconds).toFixed(2), ""]],
      ["left", "right"],
    ),
    "",
    textTable(
      ["tokens", "unique 2-grams", "unique 3-grams", "rows", "distinct rows", "rows per second", "peak memory"],
      [
        [
          groupDigits(summary.tokens),
          groupDigits(unique["2"] ?? 0),
          groupDigits(unique["3"] ?? 0),
          groupDigits(summary.rows),
          groupDigits(summary.distinctRows),
          groupDigits(summary.rowsPerSecond),
          bytes(summary.peakMemoryBytes),
        ],
      ],
      Array.from({ length: 7 }, () => "right" as const),
    ),
    "",
    summary.verified.wrong === 0
      ? "Every id and row that was computed again agrees."
      : `WRONG: ${summary.verified.wrong} ids or rows do not agree; please report this with the output above.`,
    "",
    `Held out: loss ${held.loss.toFixed(3)} with a table (${held.bitsPerByte.toFixed(3)} bits per byte), ${heldWithout.loss.toFixed(3)} without one, ${unigram.toFixed(3)} by token frequencies alone.`,
    equal
      ? `Equal loss and text with rows from ${tiers.map(({ tier }) => tier).join(", ")}: ${tiers[0]?.loss.toFixed(6)}.`
      : `WRONG: loss or text differ between ${tiers.map(({ tier, loss }) => `${tier} (${loss})`).join(", ")}; please report this.`,
    "",
    `${training.prompt}${tiers[0]?.text ?? ""}`,
    "",
    `report: ${report}`,
    `next:   npx engram generate --run ${training.run} --prompt "The capital of"`,
  ].join("\n");
}

function tokenLimit(text: string): number {
  if (/^\d{1,7}$/.test(text) && Number(text) >= 1 && Number(text) <= MOST_TOKENS) return Number(text);
  throw new EngramError({
    code: "invalid-argument",
    operation: "--tokens",
    message: `${JSON.stringify(text)} is no number of tokens; write 1 to ${MOST_TOKENS}`,
  });
}

function bytes(count: number): string {
  return count >= 1e9 ? `${(count / 1e9).toFixed(2)} GB` : `${(count / 1e6).toFixed(1)} MB`;
}

function sum<T>(items: readonly T[], amount: (item: T) => number): number {
  return items.reduce((total, item) => total + amount(item), 0);
}

try {
  await main();
} catch (error) {
  if (!isEngramError(error)) throw error;
  const hint = error.code === "out-of-memory" ? " Or run npm run quickstart -- --small." : "";
  process.stderr.write(`quickstart: ${error.message} [${error.code}]${hint}\n`);
  process.exitCode = 1;
}
