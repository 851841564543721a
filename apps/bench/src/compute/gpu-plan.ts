// Who competes in a comparison on a GPU, in which models and sizes; and the same small, on the CPU, to try the program.

import type { CellSizes } from "./compute-cells.js";
import { engineName } from "./compute-engines.js";
import type { ComputeModelName } from "./compute-models.js";
import type { CheckSetting } from "./engine-checks.js";
import type { OverheadSizes } from "./overhead-comparison.js";
import type { TorchType } from "./peer-run.js";

/** Contestants by their names. */
export interface Field {
  readonly engines: readonly string[];
  readonly torch: readonly TorchType[];
}

/** What is run. */
export interface GpuPlan {
  readonly torchDevice: "cpu" | "cuda";
  readonly checks: readonly CheckSetting[];
  readonly overhead: Field & { readonly sizes: Pick<OverheadSizes, "calls" | "rows"> };
  readonly models: readonly {
    readonly name: ComputeModelName;
    readonly inference: Field;
    readonly training: Field;
    readonly sizes: Omit<CellSizes, "rounds">;
  }[];
  readonly blocks: Field & { readonly choice: "published" | "small" };
  /** The engine whose kernels are profiled, and on which models. */
  readonly profile?: { readonly engine: string; readonly models: readonly ComputeModelName[] };
}

const WEBGPU = "tfjs:backend=webgpu";
const CPU = "ggml:device=CPU";

/** Engines on one device of ggml; its best one where none is named. */
export function gpuPlan(device?: string): GpuPlan {
  const ggml = (options: Readonly<Record<string, string>>) =>
    engineName("ggml", { ...(device !== undefined && { device }), ...options });
  const exact = ggml({});
  const fast = ggml({ precision: "fast" });
  const f16 = ggml({ weights: "f16", cache: "f16", precision: "fast" });
  const q8 = ggml({ weights: "q8_0", cache: "f16", precision: "fast" });
  const inference: Field = { engines: [exact, fast, f16, q8], torch: ["f32", "bf16"] };
  const training: Field = { engines: [exact, fast], torch: ["f32", "autocast"] };
  const decoding = { contextTokens: 512, decodeSteps: 16, decodeBatch: 64, trainSequences: 8, trainTokens: 512 };
  return {
    torchDevice: "cuda",
    checks: [
      [exact, "f32", "both"],
      [fast, "f16", "both"],
      [ggml({ weights: "f16", precision: "fast" }), "f16", "forward"],
      [ggml({ weights: "bf16", precision: "fast" }), "bf16", "forward"],
      [ggml({ weights: "q8_0", precision: "fast" }), "q8_0", "forward"],
      [CPU, "f32", "both"],
      [WEBGPU, "f32", "both"],
    ],
    overhead: { engines: [exact, WEBGPU], torch: ["f32"], sizes: { calls: 20, rows: [4_096, 6_144] } },
    models: [
      {
        name: "gqa-6m",
        inference,
        training: { ...training, engines: [...training.engines, WEBGPU] },
        sizes: { ...decoding, prefillTokens: 1_024 },
      },
      { name: "mla-mhc-6m", inference, training, sizes: { ...decoding, prefillTokens: 1_024 } },
      { name: "gqa-120m", inference, training, sizes: { ...decoding, prefillTokens: 4_096 } },
    ],
    blocks: { ...inference, choice: "published" },
    profile: { engine: fast, models: ["gqa-120m"] },
  };
}

/** Small, on engines that every machine has. */
export function tinyPlan(): GpuPlan {
  const field: Field = { engines: ["reference", CPU], torch: ["f32"] };
  const sizes = { prefillTokens: 32, contextTokens: 16, decodeSteps: 2, decodeBatch: 4 };
  return {
    torchDevice: "cpu",
    checks: [
      ["reference", "exact", "both"],
      [CPU, "f32", "both"],
    ],
    overhead: { ...field, sizes: { calls: 5, rows: [16, 64] } },
    models: [
      { name: "tiny", inference: field, training: field, sizes: { ...sizes, trainSequences: 2, trainTokens: 16 } },
    ],
    blocks: { ...field, choice: "small" },
  };
}
