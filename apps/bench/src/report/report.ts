// A report as data: what report.json holds. Raw times of every round of every process, so that whoever doubts a figure can
// compute it again; report.md and report.html are made of it and hold nothing else.
// Not here: how a report is shown (markdown.ts, html.ts), and what is said of two (compare.ts).

import type { MachineCard } from "../machine-card.js";
import type { OpenLoopLatency } from "../statistics/arrivals.js";
import type { RatioInterval } from "../statistics/paired-ratio.js";
import type { Verdict } from "../statistics/verdict.js";
import type { TraceCard } from "../traces/trace.js";
import type { Prices } from "./prices.js";

/** What a contestant is: one of this project's, a peer that others wrote, or a limit of the machine. */
export type ContestantKind = "tier" | "peer" | "limit";

/** One contestant of one cell. */
export interface ContestantReport {
  readonly name: string;
  readonly kind: ContestantKind;
  /** What ran: versions, and what it found of the machine. */
  readonly version: string;
  /** Nanoseconds of each round, all its calls together: `[process][round]`. */
  readonly ns: readonly (readonly number[])[];
  /** The same in time of processors, where the contestant tells it. */
  readonly cpuNs?: readonly (readonly number[])[];
  /** Median time of one unit, in nanoseconds. */
  readonly nsPerUnit: number;
  /** Against the cell's baseline; above 1 takes longer. Absent for the baseline itself. */
  readonly againstBaseline?: RatioInterval & { readonly verdict: Verdict };
  readonly latency?: OpenLoopLatency;
  /** Cold cells: the greatest share of its files that the system still held when a round began. */
  readonly residentShare?: number;
  /** Shares of rows that each tier of a stack served, 0 to 1. */
  readonly hits?: Readonly<Record<string, number>>;
}

/** One cell: one workload, all contestants that ran it. */
export interface CellReport {
  /** Stable between runs: two reports are compared by it. */
  readonly id: string;
  readonly suite: string;
  readonly title: string;
  /** What the workload was, by name: access, state, sequences, rows, rowBytes ... */
  readonly labels: Readonly<Record<string, string | number>>;
  /** What `nsPerUnit` is a time of, such as `row` or `token`. */
  readonly unit: string;
  /** Units of one call. */
  readonly unitsPerCall: number;
  readonly callsPerRound: number;
  readonly baseline: string;
  /** What was compared before and after, in words. */
  readonly checked: string;
  /** State of caches while it was measured, in words. */
  readonly cacheState: string;
  readonly contestants: readonly ContestantReport[];
}

/** A line of a plot that is no cell, such as hit ratio against cache bytes. */
export interface CurveReport {
  readonly id: string;
  readonly suite: string;
  readonly title: string;
  readonly x: { readonly label: string; readonly scale: "linear" | "log" };
  readonly y: { readonly label: string; readonly scale: "linear" | "log" };
  readonly lines: readonly { readonly name: string; readonly points: readonly (readonly [number, number])[] }[];
  readonly note: string;
}

/** Something that was to be measured and was not. */
export interface LeftOut {
  readonly what: string;
  readonly why: string;
}

/** One of several runs that made a report. */
export interface Sitting {
  readonly started: string;
  readonly seconds: number;
  readonly command: readonly string[];
  readonly commit?: string;
  /** Cells that it measured. */
  readonly cells: number;
}

/** A whole report. */
export interface BenchReport {
  readonly format: "engram-bench";
  readonly version: 1;
  readonly started: string;
  readonly seconds: number;
  /** Arguments of the command. */
  readonly command: readonly string[];
  readonly machine: MachineCard;
  readonly traces: readonly TraceCard[];
  readonly prices: Prices;
  readonly cells: readonly CellReport[];
  readonly curves: readonly CurveReport[];
  readonly leftOut: readonly LeftOut[];
  /** Where several runs made it, one after the other; `machine` is as the first one found it. */
  readonly sittings?: readonly Sitting[];
}
