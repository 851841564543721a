// The comparison on a host with a GPU: whole models, single blocks and overhead on the engines that use it, beside PyTorch
// on the same GPU in float32 and bfloat16; before that, where the caller brings them, checks of every operation against
// the reference. Writes its report after each part, so that a part that fails or runs out of time loses none before it.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { machineCard } from "../machine-card.js";
import { compareBlocks } from "./block-comparison.js";
import { runChecks } from "./engine-checks.js";
import { profileEngine } from "./engine-profile.js";
import { type Field, gpuPlan, tinyPlan } from "./gpu-plan.js";
import type { GpuReport } from "./gpu-report.js";
import { summaryLines } from "./gpu-summary.js";
import { compareModel } from "./model-comparison.js";
import { compareOverhead, overheadOf } from "./overhead-comparison.js";
import { peerPool } from "./peer-pool.js";

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

type Changing<T> = { -readonly [key in keyof T]: T[key] };

/** Runs the comparison. */
export async function gpuComparison(options: GpuOptions): Promise<void> {
  const { out, parts, rounds } = options;
  const plan = options.tiny ? tinyPlan() : gpuPlan(options.device);
  mkdirSync(out, { recursive: true });
  const deadline = performance.now() + options.seconds * 1e3;
  const pool = peerPool(plan.torchDevice);
  const seconds: Record<string, number> = {};
  const leftOut: string[] = [];
  const report: Changing<GpuReport> = {
    benchmark: "compute-gpu",
    date: new Date().toISOString(),
    machine: machineCard(),
    versions: pool.versions,
    plan,
    checks: [],
    overhead: { cells: [], microseconds: {} },
    models: [],
    blocks: [],
    profiles: [],
    seconds,
    leftOut,
  };
  const write = (): void => writeFileSync(join(out, "compute-gpu.json"), `${JSON.stringify(report, null, 1)}\n`);

  /** Runs a part where there is time for it, and takes down how long it took, or why there is nothing of it. */
  const part = async (name: string, needs: number, run: () => Promise<void>): Promise<void> => {
    if (performance.now() + needs * 1e3 > deadline) {
      leftOut.push(name);
      console.log(`${name}: left out, there are not ${needs} s left`);
      return;
    }
    const begin = performance.now();
    try {
      await run();
    } catch (error) {
      console.log(`${name}: FAILED: ${error instanceof Error ? error.stack : String(error)}`);
      leftOut.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      seconds[name] = (performance.now() - begin) / 1e3;
      write();
    }
  };
  const peersOf = ({ engines, torch }: Field) => pool.peers(engines, torch);

  if (parts.has("checks")) {
    await part("checks", 30, async () => {
      report.checks = await runChecks(plan.checks, Math.min(150, options.seconds / 2));
    });
  }
  if (parts.has("overhead")) {
    await part("overhead", 20, async () => {
      const cells = await compareOverhead(await peersOf(plan.overhead), { rounds, ...plan.overhead.sizes });
      report.overhead = { cells, microseconds: overheadOf(cells) };
    });
  }
  for (const model of parts.has("models") ? plan.models : []) {
    for (const what of ["inference", "training"] as const) {
      await part(`${model.name} ${what}`, 35, async () => {
        const own = await compareModel(model.name, await peersOf(model[what]), { rounds, ...model.sizes }, what);
        report.models = [...report.models, own];
      });
    }
  }
  if (parts.has("blocks")) {
    await part("blocks", 60, async () => {
      report.blocks = await compareBlocks(await peersOf(plan.blocks), plan.blocks.choice, rounds, deadline - 20e3);
    });
  }
  await pool.close();
  const { profile } = plan;
  if (parts.has("profile") && profile !== undefined) {
    await part("profile", 20, async () => {
      report.profiles = await profileEngine(profile.engine, profile.models, out, deadline);
    });
  }
  write();
  console.log(summaryLines(report).join("\n"));
}
