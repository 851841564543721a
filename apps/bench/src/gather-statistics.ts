// The few statistics of paired runs: medians, and a bootstrap interval of the median of ratios. Seeded: the same values
// give the same interval.

/** A median and the interval that holds 95 % of the medians of resamples. */
export interface Ratio {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

const RESAMPLES = 2_000;

/** The middle value, or the mean of the two. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const low = sorted[Math.ceil(middle) - 1] ?? Number.NaN;
  const high = sorted[Math.floor(middle)] ?? Number.NaN;
  return (low + high) / 2;
}

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
