// A cell while it runs: its plan, what was measured so far, and who takes no more part. A contestant that fails is left out
// with what it did, its figures of this cell too; the others go on. What is wrong with a figure itself (a wrong row) ends the
// cell: run-cell.ts.

import type { LeftOut } from "../report/report.js";
import type { CellContestant, CellPlan } from "./cell-plan.js";
import type { MeasuredContestant } from "./cell-report.js";
import { ContestantFailure, type RunningContestant, startProcess } from "./process.js";
import type { RoundAnswer, RoundRequest } from "./request.js";

/** How much is measured. */
export interface CellEffort {
  /** Fresh processes of each contestant. */
  readonly processes: number;
  /** Rounds of each process, after one that warms up. */
  readonly rounds: number;
  /** What a round of the quickest contestant shall take, in milliseconds. */
  readonly roundMs: number;
  /** What an open loop shall take, in milliseconds. */
  readonly openLoopMs: number;
  /** A contestant that gives no answer for so long is ended, in milliseconds. Default: two minutes. */
  readonly limitMs?: number;
  /** `performance.now()` at which the cell shall be done, as near as whole rounds allow, one at least done. */
  readonly until?: number;
  /** The run is over: the cell ends at once, with what it has. */
  readonly stop?: AbortSignal;
}

/** A cell while it runs. */
export interface CellRun {
  readonly plan: CellPlan;
  readonly effort: CellEffort;
  readonly measured: Map<string, MeasuredContestant>;
  readonly left: Map<string, LeftOut>;
}

const LIMIT_MS = 120_000;

/** How long is waited for an answer of this cell. */
function answerLimit({ plan, effort }: CellRun) {
  return { ms: Math.max(plan.limitMs ?? 0, effort.limitMs ?? LIMIT_MS), stop: effort.stop };
}

/** Contestants that have not failed in this cell, in the order given. */
export function present<One extends { readonly name: string }>({ left }: CellRun, all: readonly One[]): One[] {
  return all.filter(({ name }) => !left.has(name));
}

/** Starts one; undefined where it does not start, which is said. */
export function start(run: CellRun, contestant: CellContestant): Promise<RunningContestant | undefined> {
  return orLeaveOut(run, contestant.name, async () => {
    await prepare(run, contestant);
    return startProcess(contestant.name, contestant, answerLimit(run));
  });
}

async function prepare({ effort: { stop } }: CellRun, contestant: CellContestant): Promise<void> {
  try {
    await contestant.prepare?.(stop);
  } catch (error) {
    if (stop?.aborted) throw stop.reason;
    throw new ContestantFailure(error instanceof Error ? error.message : String(error));
  }
}

/** Asks one; undefined where it fails, which is said. */
export function ask(
  run: CellRun,
  contestant: RunningContestant,
  request: RoundRequest,
): Promise<RoundAnswer | undefined> {
  return orLeaveOut(run, contestant.name, () => contestant.ask(request, answerLimit(run)));
}

/** Keeps the times of a round. */
export function keep(
  { measured, plan }: CellRun,
  { name, version }: RunningContestant,
  process: number,
  { ns, cpuNs, hits }: RoundAnswer,
): void {
  const kind = plan.contestants.find((one) => one.name === name)?.kind ?? "peer";
  const own: MeasuredContestant = measured.get(name) ?? { name, kind, version, ns: [], cpuNs: [] };
  measured.set(name, own);
  own.ns[process] = [...(own.ns[process] ?? []), ns];
  if (cpuNs !== undefined) own.cpuNs[process] = [...(own.cpuNs[process] ?? []), cpuNs];
  if (hits !== undefined) own.hits = hits;
}

/** @throws Error where somebody gave what it must not: no figure of the cell counts then. */
export function checkSums({ plan }: CellRun, request: RoundRequest, sums: ReadonlyMap<string, number>): void {
  const expected = plan.expected?.(request.firstCall, request.calls);
  for (const [name, sum] of sums) {
    const right = expected ?? sums.values().next().value;
    if (sum === right) continue;
    throw new Error(
      `${plan.id}: ${name} gave what has the checksum ${sum}, not ${right}; no figure of this cell counts`,
    );
  }
}

async function orLeaveOut<T>({ plan, left, measured }: CellRun, name: string, act: () => Promise<T>) {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof ContestantFailure)) throw error;
    left.set(name, { what: `${name} in ${plan.id}`, why: error.message });
    measured.delete(name); // a figure of rounds before says nothing of one that cannot go on
    return undefined;
  }
}
