// How fast one process takes steps of a cell, for some seconds, while others do the same: what says how many processes an
// engine is worth. Its steps are thrown away.

import type { Cell } from "../cell.js";
import { type CellBench, openCell } from "./train-cell.js";

/** What one process did in its time. */
export interface Pace {
  readonly tokens: number;
  readonly seconds: number;
  /** Milliseconds of a step, the mean, by phase. */
  readonly stepMs: Readonly<Record<string, number>>;
}

/** Steps before the time counts: they build graphs. */
const WARM_STEPS = 3;

/** Takes steps for a time. @param ready called after the first steps; what it gives is waited for. */
export async function measurePace<T>(
  bench: CellBench<T>,
  cell: Cell,
  { seconds, ready }: { readonly seconds: number; readonly ready: () => Promise<void> },
): Promise<Pace> {
  const open = await openCell(bench, cell);
  try {
    for (let i = 0; i < WARM_STEPS; i++) await open.trainer.takeStep();
    await ready();
    const began = performance.now();
    const elapsed = () => (performance.now() - began) / 1000;
    const sums: Record<string, number> = {};
    let [tokens, steps] = [0, 0];
    do {
      const taken = await open.trainer.takeStep();
      tokens += taken.tokens;
      steps++;
      for (const [phase, spent] of Object.entries(taken.seconds)) sums[phase] = (sums[phase] ?? 0) + spent;
    } while (elapsed() < seconds);
    const stepMs = Object.fromEntries(Object.entries(sums).map(([phase, sum]) => [phase, (1000 * sum) / steps]));
    return { tokens, seconds: elapsed(), stepMs };
  } finally {
    await open.close();
  }
}
