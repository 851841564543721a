// Benchmark: whole models on engines of this package beside PyTorch on the CPU, two threads each: prefill, decode and
// training, paired in alternating order, logits and losses compared first; and what a graph and an operation cost.
//   node apps/bench/dist/compute/cpu.js [--out FILE] [--models gqa-6m,...] [--engines ggml,...] [--rounds 7] [--threads 2]
// PyTorch is that of $ENGRAM_TORCH_PYTHON, $ENGRAM_PYTHON or python3. Slow engines run less work, beside the first engine.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { machineCard } from "../machine-card.js";
import type { CellSizes } from "./compute-cells.js";
import { COMPUTE_MODEL_NAMES, type ComputeModelName } from "./compute-models.js";
import { serveEngine } from "./engine-server.js";
import { compareModel, type ModelReport } from "./model-comparison.js";
import { compareOverhead, overheadOf } from "./overhead-comparison.js";
import type { CellReport } from "./paired-cells.js";
import { peerPool, type StartedPeer } from "./peer-pool.js";

const [, , verb, engine = "", engineThreads] = process.argv;
if (verb === "serve") await serveEngine(engine, engineThreads === undefined ? undefined : Number(engineThreads));
else await main();

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      out: { type: "string" },
      models: { type: "string", default: "gqa-1.6m,gqa-6m,mla-mhc-6m" },
      engines: { type: "string", default: "ggml:device=CPU,ggml:device=CPU,weights=bf16" },
      training: { type: "string", default: "ggml:device=CPU" },
      slow: { type: "string", default: "tfjs:backend=wasm" },
      rounds: { type: "string", default: "7" },
      threads: { type: "string", default: "2" },
      parts: { type: "string", default: "inference,training,slow,overhead" },
    },
  });
  // a comma stands between engines, and between the options of one: those have an equals sign
  const listOf = (text: string) => text.split(/,(?![a-z]+=)/).filter((one) => one !== "");
  const threads = Number(options.threads);
  const parts = new Set(options.parts.split(","));
  const names = options.models.split(",");
  const models = COMPUTE_MODEL_NAMES.filter((name) => names.includes(name));
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
    trainTokens: 64,
    rounds: Math.min(3, sizes.rounds),
  };
  const reports: ModelReport[] = [];
  const versions: Record<string, string> = {};
  const withPeers = async <R>(
    engines: string,
    torch: boolean,
    use: (started: StartedPeer[]) => Promise<R>,
  ): Promise<R> => {
    const pool = peerPool("cpu", threads); // fresh processes for each comparison
    try {
      return await use(await pool.peers(listOf(engines), torch ? ["f32"] : []));
    } finally {
      Object.assign(versions, pool.versions);
      await pool.close();
    }
  };
  const compare = async (name: ComputeModelName, engines: string, part: "inference" | "training", own = sizes) => {
    const torch = own === sizes;
    reports.push(await withPeers(engines, torch, (started) => compareModel(name, started, own, part)));
  };
  for (const name of models) {
    if (parts.has("inference")) await compare(name, options.engines, "inference");
    if (parts.has("training")) await compare(name, options.training, "training");
  }
  const [smallest] = models;
  if (parts.has("slow") && smallest !== undefined) {
    const [first = ""] = listOf(options.training);
    await compare(smallest, `${first},${options.slow}`, "inference", slowSizes);
    await compare(smallest, `${first},${options.slow}`, "training", slowSizes);
  }
  let overhead: CellReport[] = [];
  if (parts.has("overhead")) {
    const [first = ""] = listOf(options.engines);
    overhead = await withPeers(`${first},${options.slow}`, true, (started) =>
      compareOverhead(started, { rounds: sizes.rounds, calls: 20, rows: [512, 1_024] }),
    );
    console.log(overheadOf(overhead));
  }
  const report = {
    benchmark: "compute-cpu",
    date: new Date().toISOString(),
    machine: machineCard(),
    threads,
    versions,
    sizes,
    slowSizes,
    models: reports,
    overhead: { cells: overhead, microseconds: overheadOf(overhead) },
  };
  if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(report, null, 1)}\n`);
}
