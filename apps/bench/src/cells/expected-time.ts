// What a cell will take at least, by what cells of its kind took in this run: whether it is begun in the time that is left.
// A guess for ordering; that the time is kept is seen to by whoever stops the run.

import type { CellPlan } from "./cell-plan.js";
import type { CellPace } from "./run-cell.js";

/** What a run has learnt of its own pace: the least that was needed. */
export interface PaceBook {
  /** Milliseconds until one process of each contestant is done. */
  expected(plan: CellPlan): number;
  learn(plan: CellPlan, pace: CellPace): void;
}

/** Of tables that nobody has written yet: a file, LMDB, and what peers make of it. */
const NEW_TABLE_MS_PER_BYTE = 10_000 / 2 ** 30;

/** An empty one. */
export function paceBook(): PaceBook {
  const byKind = new Map<string, number>();
  const tables = new Set<string>();
  const kindsOf = ({ suite, state, labels }: CellPlan) => [
    `${suite}/${state}/${labels.access ?? labels.direction ?? ""}`,
    `${suite}/${state}`,
    suite,
  ];
  const tableOf = ({ labels }: CellPlan) => `${labels.preset}/${labels.rows}`;
  return {
    expected(plan) {
      const known = kindsOf(plan).find((kind) => byKind.has(kind));
      const bytes = Number(plan.labels.rows ?? 0) * Number(plan.labels.rowBytes ?? 0);
      const writing = tables.has(tableOf(plan)) ? 0 : bytes * NEW_TABLE_MS_PER_BYTE;
      return (known === undefined ? 0 : (byKind.get(known) ?? 0)) + writing;
    },
    learn(plan, { processMs }) {
      tables.add(tableOf(plan));
      for (const kind of kindsOf(plan)) byKind.set(kind, Math.min(processMs, byKind.get(kind) ?? processMs));
    },
  };
}
