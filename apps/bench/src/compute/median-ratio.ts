// The median of ratios of paired runs, with a bootstrap interval. Seeded: the same values give the same interval. For rounds of
// one process; where there are several, statistics/paired-ratio.ts draws processes too.

import { median } from "../statistics/quantiles.js";

/** A median and the interval that holds 95 % of the medians of resamples. */
export interface Ratio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2_000;

/** The ratio of two series measured in pairs. */
export function pairedRatio(numerators: readonly number[], denominators: readonly number[]): Ratio {
  const ratios = numerators.map((value, i) => value / (denominators[i] ?? Number.NaN));
  let state = 1;
  const below = (limit: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
  const medians = Array.from({ length: RESAMPLES }, () => {
    return median(ratios.map(() => ratios[below(ratios.length)] ?? Number.NaN));
  }).sort((a, b) => a - b);
  const at = (share: number) => medians[Math.floor(share * (RESAMPLES - 1))] ?? Number.NaN;
  return { median: median(ratios), low: at(0.025), high: at(0.975) };
}
