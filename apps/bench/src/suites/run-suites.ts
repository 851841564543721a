// Runs suites: plans all cells, runs them in the order of their priority for as long as there is time, and makes one report.
// What the time did not suffice for is named in it. A cell that would take more than its share waits until the others are
// done; when the time is over, the one that runs ends with what it has.

import { setMaxListeners } from "node:events";
import type { CellEffort } from "../cells/cell-run.js";
import { paceBook } from "../cells/expected-time.js";
import { runCell } from "../cells/run-cell.js";
import type { CellReport, CurveReport, LeftOut } from "../report/report.js";
import type { Suite, SuiteContext, SuitePlan } from "./suite.js";

/** How a run goes on, told to people. */
export interface RunProgress {
  /** Before a cell or curve. */
  begin(place: string, what: string): void;
  cell(report: CellReport): void;
  curve(report: CurveReport): void;
  leftOut(what: LeftOut): void;
}

/** What a run may take. */
export interface RunBudget {
  /** `performance.now()` when it shall be over; undefined for as long as it takes. */
  readonly deadline?: number;
  /** Ends it before. */
  readonly interrupted?: AbortSignal;
  readonly effort: Omit<CellEffort, "until" | "stop">;
}

/** What was measured. */
export interface SuitesOutcome {
  readonly cells: readonly CellReport[];
  readonly curves: readonly CurveReport[];
  readonly leftOut: readonly LeftOut[];
  /** Something that cannot be stopped may still go on. */
  readonly abandoned: boolean;
}

/** A cell or a curve. */
interface Job {
  readonly priority: number;
  readonly what: string;
  readonly title: string;
  /** Milliseconds that it takes at least, as far as is known. */
  expected(): number;
  run(until: number, stop: AbortSignal): Promise<void>;
}

/** What was measured before, and is not to be measured again. */
export type MeasuredBefore = Pick<SuitesOutcome, "cells" | "curves">;

/** A cell takes at most so many times its share of the time that is left. */
const SHARES = 3;

/** Cells of a lower priority than this wait only where they would take more than this part of all the time that is left. */
const SOONEST = 2;
const SOONEST_SHARE = 0.15;

/** Shares are not equal: the cells that tell most are given the time for several processes. */
function weightOf(jobs: readonly Job[]): number {
  return jobs.reduce((sum, { priority }) => sum + 1 / (1 + priority), 0);
}

/** A suite's first curve comes after the first cells, its others later. */
const CURVE_PRIORITIES = [0.5, 4, 5];

/** Runs them. */
export async function runSuites(
  suites: readonly Suite[],
  context: SuiteContext,
  { deadline = Number.POSITIVE_INFINITY, interrupted, effort }: RunBudget,
  progress: RunProgress,
  before: MeasuredBefore = { cells: [], curves: [] },
): Promise<SuitesOutcome> {
  const plans: SuitePlan[] = [];
  for (const suite of suites) plans.push(without(await suite.plan(context), suite, before));
  const cells: CellReport[] = [];
  const curves: CurveReport[] = [];
  const leftOut = new Map<string, LeftOut>();
  const leave = (left: LeftOut) => {
    if (!leftOut.has(left.what)) progress.leftOut(left);
    leftOut.set(left.what, left);
  };
  const jobs = [
    ...cellJobs(plans, effort, leave, (report) => {
      cells.push(report);
      progress.cell(report);
    }),
    ...curveJobs(suites, plans, (report) => {
      curves.push(report);
      progress.curve(report);
    }),
  ].toSorted((a, b) => a.priority - b.priority);
  const over = new AbortController();
  const timer = Number.isFinite(deadline)
    ? setTimeout(() => over.abort(new Error("the time was over before it was done")), deadline - performance.now())
    : undefined;
  const stop = interrupted === undefined ? over.signal : AbortSignal.any([over.signal, interrupted]);
  setMaxListeners(0, stop); // as many wait for it as contestants start side by side
  const waiting: Job[] = [];
  let done = 0;
  let abandoned = false;
  /** Milliseconds that a job may take, of what is left for those that are not done. */
  const shareOf = (job: Job, undone: readonly Job[]) =>
    ((deadline - performance.now()) * SHARES * weightOf([job])) / weightOf(undone);
  const runJob = async (job: Job, undone: readonly Job[]) => {
    const now = performance.now();
    const left = deadline - now;
    const expected = job.expected();
    if (stop.aborted || left <= 0 || expected > left) {
      const needs = expected > left && left > 0 ? `: it takes ${told(expected)}, and ${told(left)} were left` : "";
      return leave({
        what: job.what,
        why: interrupted?.aborted ? "the run was interrupted" : `no time was left${needs}`,
      });
    }
    const time = Number.isFinite(left) ? `, ${told(left)} left` : "";
    progress.begin(`${++done} of ${jobs.length}${time}`, job.title);
    try {
      await job.run(Math.min(deadline, now + shareOf(job, undone)), stop);
    } catch (error) {
      abandoned ||= stop.aborted;
      leave({ what: job.what, why: error instanceof Error ? error.message : String(error) });
    }
  };
  for (const [i, job] of jobs.entries()) {
    const undone = [...waiting, ...jobs.slice(i)];
    // what is most asked for comes at once, though it be more than its share: a part of it, and not all of the rest first
    const may = job.priority < SOONEST ? (deadline - performance.now()) * SOONEST_SHARE : 0;
    if (job.expected() > Math.max(may, shareOf(job, undone))) waiting.push(job);
    else await runJob(job, undone);
  }
  for (const [i, job] of waiting.entries()) await runJob(job, waiting.slice(i));
  clearTimeout(timer);
  return { cells, curves, leftOut: [...leftOut.values()], abandoned };
}

/** What of a plan is not measured yet; curves come in the order of their plan. */
function without({ cells, curves = [] }: SuitePlan, { name }: Suite, before: MeasuredBefore): SuitePlan {
  const known = new Set(before.cells.map(({ id }) => id));
  const computed = before.curves.filter(({ suite }) => suite === name).length;
  return { cells: cells.filter(({ id }) => !known.has(id)), curves: curves.slice(computed) };
}

function cellJobs(
  plans: readonly SuitePlan[],
  effort: RunBudget["effort"],
  leave: (what: LeftOut) => void,
  tell: (report: CellReport) => void,
): Job[] {
  const paces = paceBook();
  return plans
    .flatMap((plan) => plan.cells)
    .map((plan) => ({
      priority: plan.priority,
      what: plan.id,
      title: plan.title,
      expected: () => paces.expected(plan),
      async run(until, stop) {
        const { report, leftOut, pace } = await runCell(plan, { ...effort, until, stop });
        paces.learn(plan, pace);
        for (const one of leftOut) leave(one);
        if (report !== undefined) tell(report);
        else if (leftOut.length === 0) leave({ what: plan.id, why: "the time was over before it was done" });
      },
    }));
}

function curveJobs(suites: readonly Suite[], plans: readonly SuitePlan[], tell: (report: CurveReport) => void): Job[] {
  let longest = 0;
  return plans.flatMap(({ curves = [] }, i) =>
    curves.map((compute, k) => ({
      priority: CURVE_PRIORITIES[Math.min(k, CURVE_PRIORITIES.length - 1)] ?? 0,
      what: `${suites[i]?.name}, curve ${k + 1}`,
      title: `${suites[i]?.name}, curve ${k + 1}`,
      expected: () => longest,
      async run(until, stop) {
        const begun = performance.now();
        const report = await compute({ until, stop });
        longest = Math.max(longest, performance.now() - begun);
        tell(report);
      },
    })),
  );
}

function told(ms: number): string {
  return `${Math.ceil(ms / 1_000)} s`;
}
