// What an interval of a ratio of times lets one say. A difference is called only where the whole interval lies beyond the
// threshold; equal is called only where a margin was stated beforehand and the whole interval lies within it. All else is
// inconclusive, and that is an honest answer on a noisy machine.

import type { RatioInterval } from "./paired-ratio.js";

/**
 * Level of the interval that a change is called by. Many calls are read at a time: of twenty at 95 % one would be wrong.
 */
export const VERDICT_LEVEL = 0.99;

/** What can be said of the first of two, in times: a regression takes longer. */
export type Verdict = "regression" | "improvement" | "inconclusive" | "equivalent";

/** When what is said. */
export interface VerdictRule {
  /** A change smaller than this share is not worth a call. Default 0.05. */
  readonly threshold?: number;
  /** Stated beforehand: a change surely smaller than this share counts as none. Nothing is called equivalent without. */
  readonly margin?: number;
  /** With fewer pairs nothing is called. Default 3: an interval over three is their whole range, and wider by their rounds. */
  readonly least?: number;
  /**
   * What is counted: pairs of processes, the default; or pairs of rounds, for ratios within one run, where what differs
   * between processes matters less than what differs between contestants.
   */
  readonly count?: "pairs" | "rounds";
}

/** The verdict on a ratio of times, above 1 where the one that is judged takes longer. */
export function verdictOf(interval: RatioInterval, rule: VerdictRule = {}): Verdict {
  const { low, high } = interval;
  const { threshold = 0.05, margin, least = 3, count = "pairs" } = rule;
  if (interval[count] < least) return "inconclusive";
  if (low > 1 + threshold) return "regression";
  if (high < 1 / (1 + threshold)) return "improvement";
  if (margin !== undefined && low > 1 / (1 + margin) && high < 1 + margin) return "equivalent";
  return "inconclusive";
}
