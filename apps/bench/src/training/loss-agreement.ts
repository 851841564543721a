// Whether two runs on the same batches learn the same: early losses are equal but for rounding, later ones and the held-out
// loss are as near as runs are that should be equal. How near those are is measured (training-noise.ts).

/** A run's losses. */
export interface LossCurve {
  readonly name: string;
  /** Of each step. */
  readonly losses: readonly number[];
  /** At the end, of the held-out text. */
  readonly held: number;
}

/** How far a run lies from another one. */
export interface LossDistance {
  /** The worst of the first steps, as a part of the loss. */
  readonly early: number;
  /** The mean distance of the second half's steps, in nats. */
  readonly later: number;
  /** Of the held-out losses, in nats; positive where this run's is higher. */
  readonly held: number;
}

/** Distances that are noise, in nats. */
export interface LossNoise {
  readonly later: number;
  readonly held: number;
}

/** A run's distance, and whether that is within noise. */
export interface LossAgreement extends LossDistance {
  readonly name: string;
  readonly agrees: boolean;
}

/** Steps that must be nearly equal. */
export const EARLY_STEPS = 5;
/** By how much, as parts of the loss: with products in float32, and with fewer bits. */
export const EARLY_TOLERANCE = { exact: 2e-4, rounded: 5e-3 } as const;
/** How many times the noise a distance may be: noise is known from few runs. */
export const NOISE_FACTOR = 3;

/** Distances of a run from another one with as many steps. */
export function lossDistance(found: LossCurve, expected: LossCurve): LossDistance {
  const apart = found.losses.map((loss, i) => Math.abs(loss - (expected.losses[i] ?? Number.NaN)));
  const half = apart.slice(Math.floor(apart.length / 2));
  const early = apart.slice(0, EARLY_STEPS).map((distance, i) => distance / (expected.losses[i] ?? Number.NaN));
  return {
    early: Math.max(...early),
    later: half.reduce((sum, distance) => sum + distance, 0) / half.length,
    held: found.held - expected.held,
  };
}

/** Judges a run. @param rounded whether its products have fewer bits than float32. */
export function lossAgreement(
  found: LossCurve,
  expected: LossCurve,
  { noise, rounded }: { readonly noise: LossNoise; readonly rounded: boolean },
): LossAgreement {
  const distance = lossDistance(found, expected);
  const agrees =
    distance.early <= EARLY_TOLERANCE[rounded ? "rounded" : "exact"] &&
    distance.later <= NOISE_FACTOR * noise.later &&
    Math.abs(distance.held) <= NOISE_FACTOR * noise.held;
  return { name: found.name, ...distance, agrees };
}

/** At most `most` points of a curve, `[step from 1, loss]`, the first and the last among them; five digits. */
export function thinned(losses: readonly number[], most = 24): readonly (readonly [step: number, loss: number])[] {
  const last = losses.length - 1;
  const count = Math.min(most, losses.length);
  const places = Array.from({ length: count }, (_, i) => Math.round((i * last) / Math.max(1, count - 1)));
  return places.map((place) => [place + 1, Number((losses[place] ?? Number.NaN).toPrecision(5))]);
}
