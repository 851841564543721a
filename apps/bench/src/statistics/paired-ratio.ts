// How many times as long one contestant takes as another, measured in pairs: log-ratios of rounds that ran next to each
// other, medians within a pair of processes, and a bootstrap interval over pairs and rounds. Seeded.
// What varies between processes (where memory lies, what was compiled when) is in the interval only where there are several
// pairs of processes; `pairs` says how many there were.

import { median } from "./quantiles.js";
import { seeded } from "./seeded.js";

/** A ratio and the interval that holds 95 % of the resampled ones. */
export interface RatioInterval {
  readonly ratio: number;
  readonly low: number;
  readonly high: number;
  /** Pairs of fresh processes. */
  readonly pairs: number;
  /** Pairs of rounds in all. */
  readonly rounds: number;
}

/** Times of each round, by process: `[process][round]`. */
export type Series = readonly (readonly number[])[];

const RESAMPLES = 2_000;

/**
 * The ratio of two series whose rounds were measured in pairs; above 1 where the first takes longer.
 * @param level 0.95 for an interval of 95 %.
 */
export function pairedRatio(numerators: Series, denominators: Series, level = 0.95): RatioInterval {
  const pairs = numerators
    .map((rounds, process) =>
      rounds
        .map((value, round) => Math.log(value / (denominators[process]?.[round] ?? Number.NaN)))
        .filter(Number.isFinite),
    )
    .filter((rounds) => rounds.length > 0);
  const draw = drawer();
  const { low, high } = interval(level, () => median(draw(pairs).map((rounds) => median(draw(rounds)))));
  return { ratio: Math.exp(median(pairs.map(median))), low, high, pairs: pairs.length, rounds: pairs.flat().length };
}

/** As {@link pairedRatio}, for series of two runs, where no round has a partner: medians of processes, drawn apart. */
export function unpairedRatio(numerators: Series, denominators: Series, level = 0.95): RatioInterval {
  const [above, below] = [numerators, denominators].map((series) =>
    series.filter((rounds) => rounds.length > 0).map((rounds) => rounds.map(Math.log)),
  ) as [number[][], number[][]]; // map keeps the two
  const draw = drawer();
  const drawn = (processes: readonly number[][]) => median(draw(processes).map((rounds) => median(draw(rounds))));
  const { low, high } = interval(level, () => drawn(above) - drawn(below));
  const ratio = Math.exp(median(above.map(median)) - median(below.map(median)));
  const pairs = Math.min(above.length, below.length);
  return { ratio, low, high, pairs, rounds: Math.min(above.flat().length, below.flat().length) };
}

function drawer(): <Value>(values: readonly Value[]) => Value[] {
  const random = seeded(20_261_121);
  return (values) => values.map((value) => values[Math.floor(random() * values.length)] ?? value);
}

function interval(level: number, resample: () => number): { low: number; high: number } {
  const drawn = Array.from({ length: RESAMPLES }, resample).sort((a, b) => a - b);
  const at = (share: number) => drawn[Math.min(RESAMPLES - 1, Math.floor(share * RESAMPLES))] ?? Number.NaN;
  return { low: Math.exp(at((1 - level) / 2)), high: Math.exp(at((1 + level) / 2)) };
}
