// What a suite is: a name, and a plan of cells and curves for what this run has. Suites say what to measure; how is the
// same for all of them (cells/run-cell.ts).

import type { AddressingPresetName } from "@engram-ts/core";
import type { CellPlan } from "../cells/cell-plan.js";
import type { RowPeers } from "../peers/row-peers.js";
import type { CurveReport, LeftOut } from "../report/report.js";
import type { Trace, TraceTokenizer } from "../traces/trace.js";
import type { TableShelf } from "./table-shelf.js";

/** What a run has for its suites. */
export interface SuiteContext {
  /** The few cells that fit into two minutes, or all. */
  readonly quick: boolean;
  /** Scratch space on the disk that is meant. */
  readonly folder: string;
  readonly shelf: TableShelf;
  readonly tokenizer: TraceTokenizer;
  /** What decode, draft and prefill cells read. */
  readonly trace: Trace;
  /** Ids drawn at random instead of the trace's. */
  readonly uniform: boolean;
  readonly presets: readonly AddressingPresetName[];
  /** Table sizes in rows; the first is that of most cells. */
  readonly rows: readonly number[];
  /** Whether the user gave the sizes. */
  readonly sizesGiven: boolean;
  readonly sequences: readonly number[];
  readonly peers: RowPeers;
  /** Where an object store's tables may be written, as `s3://bucket/prefix`. */
  readonly s3?: string;
  /** Tables of the user's own, by URI. */
  readonly stores: readonly string[];
  /** Engine of compute and offload. */
  readonly engine: string;
  /** Another trace of real text, for suites that compare kinds of text. */
  textTrace(kind: "english" | "code" | "chinese" | "languages", tokens: number): Trace;
  /** Says what is not measured, and why. */
  leaveOut(what: LeftOut): void;
  /** Takes note of a trace that figures rest on. */
  useTrace(trace: Trace): void;
}

/** What a suite wants measured. */
export interface SuitePlan {
  readonly cells: readonly CellPlan[];
  /** Computed rather than timed, such as hit ratios. Run after each suite's first cells. */
  readonly curves?: readonly ((limits: CurveLimits) => Promise<CurveReport>)[];
}

/** The time that a curve has. */
export interface CurveLimits {
  /** `performance.now()` at which it shall be done, of less where that needs be. */
  readonly until: number;
  /** The run is over. */
  readonly stop: AbortSignal;
}

/** One suite. */
export interface Suite {
  readonly name: string;
  readonly description: string;
  plan(context: SuiteContext): SuitePlan | Promise<SuitePlan>;
}

/** What takes part where something answers, such as an object store: where it does not, that is left out alone, and named. */
export async function unlessItFails<T>(
  context: Pick<SuiteContext, "leaveOut">,
  what: string,
  make: () => Promise<readonly T[]>,
): Promise<readonly T[]> {
  try {
    return await make();
  } catch (error) {
    context.leaveOut({ what, why: error instanceof Error ? error.message : String(error) });
    return [];
  }
}
