// Results by arm, and what is said of two arms: the mean over seeds of the difference of cells with the same seed, which have
// the same text in the same order and, where shapes are equal, the same first weights.

import type { CellResult } from "../cell.js";
import { type Interval, meanInterval } from "./intervals.js";

/** Results by arm, in the order in which they come; of each arm by seed. */
export function armsOf(results: readonly CellResult[]): ReadonlyMap<string, readonly CellResult[]> {
  const arms = new Map<string, CellResult[]>();
  for (const result of results.toSorted((a, b) => a.cell.seed - b.cell.seed)) {
    const own = arms.get(result.cell.arm);
    if (own === undefined) arms.set(result.cell.arm, [result]);
    else own.push(result);
  }
  return arms;
}

/** Held-out loss, the mean over seeds. */
export function meanLoss(results: readonly CellResult[]): number {
  return results.reduce((sum, { heldOut }) => sum + heldOut.loss, 0) / results.length;
}

/** A value of one arm minus that of another, over the seeds that both have; held-out loss by default. */
export function pairedDifference(
  results: readonly CellResult[],
  others: readonly CellResult[],
  value: (result: CellResult) => number | undefined = ({ heldOut }) => heldOut.loss,
): Interval {
  return meanInterval(pairedDifferences(results, others, value));
}

/** The differences that {@link pairedDifference} is the mean of. */
export function pairedDifferences(
  results: readonly CellResult[],
  others: readonly CellResult[],
  value: (result: CellResult) => number | undefined = ({ heldOut }) => heldOut.loss,
): readonly number[] {
  return results.flatMap((one) => {
    const other = others.find(({ cell }) => cell.seed === one.cell.seed);
    const [own, against] = [value(one), other === undefined ? undefined : value(other)];
    return own === undefined || against === undefined ? [] : [own - against];
  });
}

/** The mean held-out loss, and the least and greatest over seeds. */
export function lossText(results: readonly CellResult[]): string {
  const losses = results.map(({ heldOut }) => heldOut.loss);
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const range = losses.length > 1 ? ` (${low.toFixed(4)} to ${high.toFixed(4)})` : "";
  return `${meanLoss(results).toFixed(4)}${range}`;
}
