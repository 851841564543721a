// The comparison on a host with a GPU: whole models, single blocks and overhead on the engines that use it, beside PyTorch
// on the same GPU in float32 and bfloat16; before that, where the caller brings them, checks of every operation against
// the reference. Writes its report after each part, so that a part that fails or runs out of time loses none before it.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { machineCard } from "../machine-card.js";
import { type BlockReport, compareBlocks } from "./block-comparison.js";
import type { CellSizes } from "./compute-cells.js";
import { engineName } from "./compute-engines.js";
import type { ComputeModelName } from "./compute-models.js";
import { type CheckReport, runChecks } from "./engine-checks.js";
import { type ProfileReport, profileEngine } from "./engine-profile.js";
import { summaryLines } from "./gpu-summary.js";
import { compareModel, type ModelReport } from "./model-comparison.js";
import { compareOverhead, overheadOf } from "./overhead-comparison.js";
import type { CellReport } from "./paired-cells.js";
import { peerPool, type StartedPeer } from "./peer-pool.js";
import type { TorchType } from "./peer-run.js";

/** What of it is run, and where the report goes. */
export interface GpuOptions {
  /** Folder of the report. */
  readonly out: string;
  /** ggml's name of the device; its best one where left out. */
  readonly device?: string;
  /** Parts: `checks`, `overhead`, `models`, `blocks`, `profile`. */
  readonly parts: ReadonlySet<string>;
  /** Everything small and on the CPU, to try the program. */
  readonly tiny: boolean;
  /** What it may take; parts that would begin later are left out. */
  readonly seconds: number;
  readonly rounds: number;
}

/** What is written. */
export interface GpuReport {
  readonly benchmark: "compute-gpu";
  readonly date: string;
  readonly machine: object;
  readonly versions: Readonly<Record<string, string>>;
  readonly checks: readonly CheckReport[];
  readonly overhead: { readonly cells: readonly CellReport[]; readonly microseconds: object };
  readonly models: readonly ModelReport[];
  readonly blocks: readonly BlockReport[];
  readonly profiles: readonly ProfileReport[];
  /** Seconds of each part. */
  readonly seconds: Readonly<Record<string, number>>;
  readonly leftOut: readonly string[];
}

type Changing<T> = { -readonly [key in keyof T]: T[key] };

/** Runs the comparison. */
export async function gpuComparison(options: GpuOptions): Promise<void> {
  const { out, device, parts, tiny, rounds } = options;
  mkdirSync(out, { recursive: true });
  const deadline = performance.now() + options.seconds * 1e3;
  const pool = peerPool(tiny ? "cpu" : "cuda");
  const seconds: Record<string, number> = {};
  const leftOut: string[] = [];
  const report: Changing<GpuReport> = {
    benchmark: "compute-gpu",
    date: new Date().toISOString(),
    machine: machineCard(),
    versions: pool.versions,
    checks: [],
    overhead: { cells: [], microseconds: {} },
    models: [],
    blocks: [],
    profiles: [],
    seconds,
    leftOut,
  };
  const write = (): void => writeFileSync(join(out, "compute-gpu.json"), `${JSON.stringify(report, null, 1)}\n`);

  /** Runs a part with its contestants, where there is time for it. */
  const part = async (
    name: string,
    needs: number,
    contestants: { readonly engines: readonly string[]; readonly torch: readonly TorchType[] },
    run: (started: readonly StartedPeer[]) => Promise<void>,
  ): Promise<void> => {
    if (performance.now() + needs * 1e3 > deadline) {
      leftOut.push(name);
      console.log(`${name}: left out, there are not ${needs} s left`);
      return;
    }
    const begin = performance.now();
    try {
      await run(await pool.peers(contestants.engines, contestants.torch));
    } catch (error) {
      console.log(`${name}: FAILED: ${error instanceof Error ? error.stack : String(error)}`);
      leftOut.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      seconds[name] = (performance.now() - begin) / 1e3;
      write();
    }
  };

  const ggml = (fields: Readonly<Record<string, string>>) =>
    tiny ? engineName("reference", {}) : engineName("ggml", { ...(device !== undefined && { device }), ...fields });
  const exact = ggml({});
  const fast = ggml({ precision: "fast" });
  const f16 = ggml({ weights: "f16", cache: "f16", precision: "fast" });
  const q8 = ggml({ weights: "q8_0", cache: "f16", precision: "fast" });
  const inference = tiny ? [exact] : [exact, fast, f16, q8];
  const training = tiny ? [exact] : [exact, fast];

  if (parts.has("checks")) {
    const begin = performance.now();
    const settings = tiny
      ? ([["reference", "exact", "both"]] as const)
      : ([
          [exact, "f32", "both"],
          [fast, "f16", "both"],
          [ggml({ weights: "f16", precision: "fast" }), "f16", "forward"],
          [ggml({ weights: "bf16", precision: "fast" }), "bf16", "forward"],
          [ggml({ weights: "q8_0", precision: "fast" }), "q8_0", "forward"],
          ["ggml:device=CPU", "f32", "both"],
          ["tfjs:backend=webgpu", "f32", "both"],
        ] as const);
    report.checks = await runChecks(settings, Math.min(150, options.seconds / 2));
    seconds.checks = (performance.now() - begin) / 1e3;
    write();
  }
  if (parts.has("overhead")) {
    const engines = tiny ? [exact] : [exact, "tfjs:backend=webgpu"];
    await part("overhead", 20, { engines, torch: ["f32"] }, async (started) => {
      const rows = tiny ? ([16, 64] as const) : ([4_096, 6_144] as const);
      const cells = await compareOverhead(started, { rounds, calls: 20, rows });
      report.overhead = { cells, microseconds: overheadOf(cells) };
    });
  }
  const models: readonly ComputeModelName[] = tiny ? ["tiny"] : ["gqa-6m", "mla-mhc-6m", "gqa-120m"];
  for (const name of parts.has("models") ? models : []) {
    const torch: readonly TorchType[] = tiny ? ["f32"] : ["f32", "bf16"];
    await part(`${name} inference`, 35, { engines: inference, torch }, async (started) => {
      report.models = [...report.models, await compareModel(name, started, sizesOf(options, name), "inference")];
    });
    await part(
      `${name} training`,
      35,
      {
        engines: name === "gqa-6m" && !tiny ? [...training, "tfjs:backend=webgpu"] : training,
        torch: tiny ? ["f32"] : ["f32", "autocast"],
      },
      async (started) => {
        report.models = [...report.models, await compareModel(name, started, sizesOf(options, name), "training")];
      },
    );
  }
  if (parts.has("blocks")) {
    await part("blocks", 60, { engines: inference, torch: tiny ? ["f32"] : ["f32", "bf16"] }, async (started) => {
      report.blocks = await compareBlocks(started, tiny ? "small" : "published", rounds, deadline - 20e3);
    });
  }
  await pool.close();
  if (parts.has("profile") && !tiny) {
    const begin = performance.now();
    report.profiles = await profileEngine(exact, ["gqa-6m", "gqa-120m"], out, deadline);
    seconds.profile = (performance.now() - begin) / 1e3;
  }
  write();
  console.log(summaryLines(report).join("\n"));
}

function sizesOf({ tiny, rounds }: GpuOptions, name: ComputeModelName): CellSizes {
  if (tiny) {
    const small = { prefillTokens: 32, contextTokens: 16, decodeSteps: 2, decodeBatch: 4 };
    return { ...small, trainSequences: 2, trainTokens: 16, rounds };
  }
  const prefillTokens = name === "gqa-120m" ? 4_096 : 1_024;
  const decoding = { prefillTokens, contextTokens: 512, decodeSteps: 16, decodeBatch: 64 };
  return { ...decoding, trainSequences: 8, trainTokens: 512, rounds };
}
