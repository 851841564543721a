// A cell before it runs: the workload, who takes part, and in which state of caches. Suites make these; run-cell.ts runs
// them. Plain data and functions over it.

import type { ContestantKind } from "../report/report.js";
import type { ContestantCommand } from "./process.js";

/** Whether what is read was read before. */
export type CacheState = "hot" | "warm" | "cold";

/** One that takes part in a cell. */
export interface CellContestant extends ContestantCommand {
  readonly name: string;
  readonly kind: ContestantKind;
  /** Files that it reads: dropped from, or read into, the system's cache before a round. */
  readonly files?: () => readonly string[];
  /** Answers open-loop requests, so its latency can be measured too. */
  readonly openLoop?: boolean;
  /** Makes what it alone needs, such as its own form of the table; its failure is this contestant's. */
  readonly prepare?: (stop: AbortSignal | undefined) => Promise<void>;
}

/** A cell. */
export interface CellPlan {
  readonly id: string;
  readonly suite: string;
  readonly title: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly unit: string;
  readonly unitsPerCall: number;
  /** Calls in the list that contestants were given; a round reads on through it. */
  readonly listedCalls: number;
  /** Calls at the list's start that are for compiling code alone: they read a small part of the table, and never count. */
  readonly warmUpCalls?: number;
  /** Measure latency in an open loop, after throughput. */
  readonly latency?: boolean;
  readonly state: CacheState;
  /** What the state means here, in words. */
  readonly cacheState: string;
  readonly contestants: readonly CellContestant[];
  /** By name; the first contestant that is there where it is not. */
  readonly baseline: string;
  /** What the last of these calls must give; undefined where contestants are compared with each other alone. */
  readonly expected?: (firstCall: number, calls: number) => number;
  readonly checked: string;
  /** Lower first where not everything fits into the time. */
  readonly priority: number;
  /** Calls of a round, where they do not follow from the time that one takes. */
  readonly calls?: number;
  /** Fresh processes of each contestant, where the run's own number does not suit. */
  readonly processes?: number;
  /** An answer may take so long, in milliseconds, where that is more than the run's own limit. */
  readonly limitMs?: number;
  /** Makes what the cell needs, such as tables and contestants, just before it runs. */
  readonly prepare?: () => Promise<void>;
  /** Gives up what `prepare` made, as far as no other cell needs it. */
  readonly finish?: () => void;
}
