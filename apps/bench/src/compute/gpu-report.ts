// The report of the comparison on a host with a GPU. A type only; gpu-comparison.ts writes it, gpu-summary.ts tells it.

import type { BlockReport } from "./block-comparison.js";
import type { CheckReport } from "./engine-checks.js";
import type { ProfileReport } from "./engine-profile.js";
import type { GpuPlan } from "./gpu-plan.js";
import type { ModelReport } from "./model-comparison.js";
import type { CellReport } from "./paired-cells.js";

/** What is written. */
export interface GpuReport {
  readonly benchmark: "compute-gpu";
  readonly date: string;
  readonly machine: object;
  readonly versions: Readonly<Record<string, string>>;
  readonly plan: GpuPlan;
  readonly checks: readonly CheckReport[];
  readonly overhead: { readonly cells: readonly CellReport[]; readonly microseconds: object };
  readonly models: readonly ModelReport[];
  readonly blocks: readonly BlockReport[];
  readonly profiles: readonly ProfileReport[];
  /** Seconds of each part. */
  readonly seconds: Readonly<Record<string, number>>;
  readonly leftOut: readonly string[];
}
