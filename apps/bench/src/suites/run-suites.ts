// Runs suites: plans all cells, runs them in the order of their priority for as long as there is time, and makes one report.
// What the time did not suffice for is named in it.

import type { CellEffort } from "../cells/run-cell.js";
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
  /** Seconds for all cells together; undefined for as long as they take. */
  readonly seconds?: number;
  readonly effort: Omit<CellEffort, "until">;
}

/** What was measured. */
export interface SuitesOutcome {
  readonly cells: readonly CellReport[];
  readonly curves: readonly CurveReport[];
  readonly leftOut: readonly LeftOut[];
}

/** A cell takes at most so many times its equal share of the time that is left. */
const SHARES = 3;

/** Curves are counted and soon done: after the first cells. */
const CURVE_PRIORITY = 0.5;

/** Runs them. */
export async function runSuites(
  suites: readonly Suite[],
  context: SuiteContext,
  budget: RunBudget,
  progress: RunProgress,
): Promise<SuitesOutcome> {
  const start = performance.now();
  const plans: SuitePlan[] = [];
  for (const suite of suites) plans.push(await suite.plan(context));
  const cells: CellReport[] = [];
  const curves: CurveReport[] = [];
  const leftOut = new Map<string, LeftOut>();
  const leave = (left: LeftOut) => {
    if (!leftOut.has(left.what)) progress.leftOut(left);
    leftOut.set(left.what, left);
  };
  const deadline = budget.seconds === undefined ? Number.POSITIVE_INFINITY : start + budget.seconds * 1_000;
  const planned = plans.flatMap((plan) => plan.cells);
  const jobs = [
    ...planned.map((plan) => ({
      priority: plan.priority,
      what: plan.id,
      title: plan.title,
      async run(until: number) {
        const { report, leftOut: missing } = await runCell(plan, { ...budget.effort, until });
        for (const one of missing) leave(one);
        if (report === undefined) return;
        cells.push(report);
        progress.cell(report);
      },
    })),
    ...plans.flatMap(({ curves: computed = [] }, i) =>
      computed.map((compute, k) => ({
        priority: CURVE_PRIORITY,
        what: `${suites[i]?.name}, curve ${k + 1}`,
        title: `${suites[i]?.name}, curve ${k + 1}`,
        async run() {
          const report = await compute();
          curves.push(report);
          progress.curve(report);
        },
      })),
    ),
  ].toSorted((a, b) => a.priority - b.priority);
  for (const [i, { what, title, run }] of jobs.entries()) {
    const now = performance.now();
    if (now >= deadline) {
      leave({ what, why: "no time was left" });
      continue;
    }
    progress.begin(`${i + 1}/${jobs.length}`, title);
    const share = ((deadline - now) / (jobs.length - i)) * SHARES;
    try {
      await run(Math.min(deadline, now + share));
    } catch (error) {
      leave({ what, why: error instanceof Error ? error.message : String(error) });
    }
  }
  return { cells, curves, leftOut: [...leftOut.values()] };
}
