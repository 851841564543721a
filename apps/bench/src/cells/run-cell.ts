// Runs one cell: fresh processes of every contestant, as many as there is time for, what they give checked before and after.
// Gives raw times; verdicts are said by cell-report.ts.

import type { CellReport, LeftOut } from "../report/report.js";
import type { CellPlan } from "./cell-plan.js";
import { cellReport } from "./cell-report.js";
import type { CellEffort, CellRun } from "./cell-run.js";
import { freshProcess } from "./fresh-rounds.js";
import { hotProcess } from "./hot-rounds.js";

/** A cell's report, who was left out, and how long it took. */
export interface CellOutcome {
  readonly report: CellReport | undefined;
  readonly leftOut: readonly LeftOut[];
  readonly pace: CellPace;
}

/** What a cell took at least, in milliseconds. */
export interface CellPace {
  /** Writing tables and the like. */
  readonly prepareMs: number;
  /** A process of each contestant. */
  readonly processMs: number;
}

/**
 * Runs a cell.
 * @throws Error where a contestant gives what it must not: no figure of the cell counts then.
 */
export async function runCell(plan: CellPlan, effort: CellEffort): Promise<CellOutcome> {
  const { stop, until = Number.POSITIVE_INFINITY } = effort;
  const begun = performance.now();
  await unlessOver(plan.prepare?.(), stop);
  const prepared = performance.now();
  const run: CellRun = { plan, effort, measured: new Map(), left: new Map() };
  let calls = plan.calls;
  let [processMs, greatestMs] = [0, 0];
  // A round that is not hot needs a process that has not read its rows: as many processes as there would be rounds.
  const fresh = plan.state !== "hot";
  const processes = fresh ? Math.max(effort.processes, effort.rounds) : (plan.processes ?? effort.processes);
  for (let process = 0; process < processes; process++) {
    const now = performance.now();
    if (process > 0 && now + greatestMs / 2 > until) break; // so that cells are over as often as they are under
    try {
      calls = await (fresh ? freshProcess : hotProcess)(run, process, calls);
    } catch (error) {
      if (stop?.aborted !== true || error !== stop.reason) throw error;
      break; // what was measured until now counts
    }
    greatestMs = Math.max(greatestMs, performance.now() - now);
    if (process === 0) processMs = greatestMs;
  }
  plan.finish?.();
  const measured = [...run.measured.values()];
  return {
    report: measured.length === 0 ? undefined : cellReport(plan, calls ?? 1, measured),
    leftOut: [...run.left.values()],
    pace: { prepareMs: prepared - begun, processMs },
  };
}

/** What is prepared, unless the run is over before; what was begun is then nobody's. */
async function unlessOver(preparing: Promise<void> | undefined, stop: AbortSignal | undefined): Promise<void> {
  if (stop === undefined) return preparing;
  let onStop: (() => void) | undefined;
  const over = new Promise<never>((_, reject) => {
    onStop = () => reject(stop.reason);
    if (stop.aborted) onStop();
    else stop.addEventListener("abort", onStop);
  });
  preparing?.catch(() => undefined);
  try {
    await Promise.race([preparing, over]);
  } finally {
    if (onStop !== undefined) stop.removeEventListener("abort", onStop);
  }
}
