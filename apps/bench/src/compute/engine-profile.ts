// Where the time of a model goes on a GPU: ggml's own record of its Vulkan kernels (GGML_VK_PERF_LOGGER), summed by kernel
// over the graphs of one piece of work. The record serialises the kernels, so its sums are no measurement of speed.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { CellSizes } from "./compute-cells.js";
import { type ComputeModelName, computeModel } from "./compute-models.js";
import { startEngine } from "./engine-server.js";
import { openEngineRun } from "./peer-run.js";
import { seededIds } from "./seeded-values.js";

/** The kernels of one piece of work. */
export interface ProfileReport {
  readonly model: string;
  readonly work: string;
  readonly microseconds: number;
  /** The costliest first. */
  readonly kernels: readonly { readonly name: string; readonly count: number; readonly microseconds: number }[];
}

type Work = "prefill" | "decode" | "train";

/** Profiles models on one engine, each kind of work in a process of its own; raw records stay in `folder`. */
export async function profileEngine(
  engine: string,
  models: readonly ComputeModelName[],
  folder: string,
  deadline: number,
): Promise<ProfileReport[]> {
  const reports: ProfileReport[] = [];
  for (const model of models) {
    for (const work of ["prefill", "decode", "train"] as const) {
      if (performance.now() > deadline) return reports;
      const errors = join(folder, `profile-${model}-${work}.txt`);
      try {
        await runOnce(engine, model, work, errors);
        reports.push({ model, work, ...kernelsOf(readFileSync(errors, "utf8")) });
      } catch (error) {
        console.log(`profile of ${model}, ${work}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  return reports;
}

const SIZES: Pick<CellSizes, "prefillTokens" | "contextTokens"> = { prefillTokens: 1_024, contextTokens: 512 };

async function runOnce(engine: string, name: ComputeModelName, work: Work, errors: string): Promise<void> {
  const env = { GGML_VK_PERF_LOGGER: "1", ENGRAM_GGML_LOG: "1" };
  const peer = await startEngine(engine, undefined, { env, errors });
  if (peer === undefined) return;
  try {
    const spec = computeModel(name);
    const run = await openEngineRun(peer, { spec });
    const batch = (sequences: number, tokens: number) =>
      Array.from({ length: sequences }, (_, s) => seededIds(tokens, spec.vocabSize, s));
    if (work === "prefill") await run.prefill(batch(1, SIZES.prefillTokens), 1);
    if (work === "decode") {
      await run.openDecode(batch(1, SIZES.contextTokens));
      await run.decode(batch(1, 8));
    }
    if (work === "train") {
      const ids = batch(8, 512);
      await run.train(ids, Int32Array.from(ids.flatMap((one) => [...one])), 1);
    }
  } finally {
    peer.close();
  }
}

/** Sums a record: lines of the form `MUL_MAT f32 ...: 12 x 3.4 us = 41 us`. */
export function kernelsOf(record: string): Pick<ProfileReport, "microseconds" | "kernels"> {
  const sums = new Map<string, { count: number; microseconds: number }>();
  for (const line of record.split("\n")) {
    const found = /^\s*(.+?): (\d+) x ([\d.e+]+) us/.exec(line);
    if (found === null) continue;
    const [, name = "", count = "0", each = "0"] = found;
    const sum = sums.get(name) ?? { count: 0, microseconds: 0 };
    sum.count += Number(count);
    sum.microseconds += Number(count) * Number(each);
    sums.set(name, sum);
  }
  const kernels = [...sums].map(([name, sum]) => ({ name, ...sum })).sort((a, b) => b.microseconds - a.microseconds);
  const microseconds = kernels.reduce((total, one) => total + one.microseconds, 0);
  return { microseconds, kernels: kernels.slice(0, 40) };
}
