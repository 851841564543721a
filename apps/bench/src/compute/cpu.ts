// Benchmark: whole models on engines of this package beside PyTorch on the CPU, two threads each: prefill, decode and
// training, paired in alternating order, logits and losses compared first; and what a graph and an operation cost.
//   node apps/bench/dist/compute/cpu.js [--out FILE] [--models gqa-6m,...] [--engines ggml,...] [--slow tfjs:backend=wasm]
//     [--rounds 7] [--threads 2]
// PyTorch is that of $ENGRAM_TORCH_PYTHON, $ENGRAM_PYTHON or python3. Slow engines run fewer rounds, beside the first engine alone.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { machineCard } from "../machine-card.js";
import {
  agreement,
  type CellSizes,
  inferenceCells,
  lossAgreement,
  type ModelContestant,
  trainingCell,
} from "./compute-cells.js";
import { openEngine } from "./compute-engines.js";
import { computeFixture } from "./compute-fixture.js";
import { COMPUTE_MODEL_NAMES, type ComputeModelName, computeModel } from "./compute-models.js";
import { CHAIN_LENGTHS, runChain } from "./compute-overhead.js";
import { openRun } from "./compute-run.js";
import { type CellReport, cellLines, runCell } from "./paired-cells.js";
import { startTorch, type TorchPeer } from "./torch-peer.js";
import { openTorchRun } from "./torch-run.js";

const { values: options } = parseArgs({
  options: {
    out: { type: "string" },
    models: { type: "string", default: "gqa-1.6m,gqa-6m,mla-mhc-6m" },
    engines: { type: "string", default: "ggml" },
    slow: { type: "string", default: "tfjs:backend=wasm" },
    rounds: { type: "string", default: "7" },
    threads: { type: "string", default: "2" },
    parts: { type: "string", default: "inference,training,overhead" },
  },
});
const listOf = (text: string) => text.split(/,(?![a-z]+=)/).filter((one) => one !== "");
const threads = Number(options.threads);
const parts = new Set(options.parts.split(","));
const sizes: CellSizes = {
  prefillTokens: 512,
  contextTokens: 128,
  decodeSteps: 16,
  decodeBatch: 64,
  trainSequences: 4,
  trainTokens: 128,
  rounds: Number(options.rounds),
};
const slowSizes: CellSizes = {
  ...sizes,
  prefillTokens: 128,
  decodeSteps: 2,
  decodeBatch: 8,
  trainTokens: 32,
  rounds: Math.min(3, sizes.rounds),
};

const cells: CellReport[] = [];
const agreements: object[] = [];
const show = (cell: CellReport): void => {
  cells.push(cell);
  console.log(cellLines(cell).join("\n"));
};

/** The models that were asked for, one after the other: a fixture, all contestants on it, their cells. */
async function measureModel(
  name: ComputeModelName,
  torch: TorchPeer | undefined,
  engines: readonly string[],
  own: CellSizes,
) {
  const fixture = await computeFixture(computeModel(name));
  console.log(`\n${name}: ${fixture.parameterCount.toLocaleString("en-US")} parameters`);
  const opened = (await Promise.all(engines.map((one) => openEngine(one, threads)))).filter((one) => one !== undefined);
  const contestants: ModelContestant[] = [];
  try {
    if (torch !== undefined) contestants.push({ name: "PyTorch f32", run: await openTorchRun(torch, fixture, "f32") });
    for (const { name: engine, backend } of opened) contestants.push({ name: engine, run: openRun(backend, fixture) });
    const peers = [contestants[0]?.name ?? ""];
    if (parts.has("inference")) {
      const agreed = await agreement(fixture, contestants);
      console.log(
        agreed
          .map(
            (one) =>
              `  ${one.name}: logits within ${one.prefill.toExponential(1)}, over caches ${one.decode.toExponential(1)}`,
          )
          .join("\n"),
      );
      agreements.push({ model: name, logits: agreed });
      for (const cell of await inferenceCells(fixture, contestants, peers, own)) show(cell);
    }
    if (parts.has("training")) {
      const narrow = /weights=(?!f32)/; // trained are float32 weights
      const training = contestants.filter((one) => !narrow.test(one.name));
      const agreed = await lossAgreement(fixture, training);
      console.log(
        agreed.map((one) => `  ${one.name}: losses ${one.losses.map((loss) => loss.toFixed(4)).join(" ")}`).join("\n"),
      );
      agreements.push({ model: name, losses: agreed });
      show(await trainingCell(fixture, training, peers, own));
    }
  } finally {
    for (const { run } of contestants) run.close();
    for (const { backend } of opened) await backend.close();
    await fixture.close();
  }
}

async function measureOverhead(torch: TorchPeer | undefined, engines: readonly string[]): Promise<void> {
  const opened = (await Promise.all(engines.map((one) => openEngine(one, threads)))).filter((one) => one !== undefined);
  const calls = 20;
  for (const operations of CHAIN_LENGTHS) {
    const contestants = new Map<string, () => Promise<number>>();
    if (torch !== undefined) {
      contestants.set(
        "PyTorch f32",
        async () => (await torch.ask({ do: "overhead", operations, calls })).ns ?? Number.NaN,
      );
    }
    for (const { name, backend } of opened) contestants.set(name, () => runChain(backend, operations, calls));
    const name = `a chain of ${operations} additions of 64 values, read back`;
    show(await runCell({ name, units: calls, unit: "chains", rounds: sizes.rounds }, contestants, ["PyTorch f32"]));
  }
  for (const { backend } of opened) await backend.close();
}

const models = options.models
  .split(",")
  .filter((name): name is ComputeModelName => (COMPUTE_MODEL_NAMES as readonly string[]).includes(name));
const engines = listOf(options.engines);
const slow = listOf(options.slow);
const torch = await startTorch("cpu", threads);
try {
  for (const name of models) await measureModel(name, torch, engines, sizes);
  const [smallest] = models;
  if (smallest !== undefined && slow.length > 0) {
    await measureModel(smallest, undefined, [...engines.slice(0, 1), ...slow], slowSizes);
  }
  if (parts.has("overhead")) await measureOverhead(torch, [...engines, ...slow]);
} finally {
  torch?.close();
}
const report = {
  benchmark: "compute-cpu",
  date: new Date().toISOString(),
  machine: machineCard(),
  threads,
  versions: { ...(torch && { pytorch: torch.version }) },
  sizes,
  slowSizes,
  agreements,
  cells,
};
if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(report, null, 1)}\n`);
