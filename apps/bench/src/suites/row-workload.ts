// What a cell about rows asks for. A type only; tiers-suite.ts makes cells of it, tier-contestants.ts who takes part.

import type { CacheState } from "../cells/cell-plan.js";
import type { AccessKind, SizedAddressing } from "../traces/trace-rows.js";

/** The workload of a cell. */
export interface RowWorkload {
  readonly access: AccessKind;
  readonly state: CacheState;
  readonly sequences: number;
  readonly sized: SizedAddressing;
  readonly priority: number;
}
