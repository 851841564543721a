// Root-mean-square normalisation of one vector, in float64. Engram's kinds differ in epsilon and in how the learned
// scale is written, so both are arguments. Letters as in the paper: x a vector of d values.

/** Float values in either width; the reference computes in float64 whatever the width. */
export type FloatArray = Float32Array | Float64Array;

/** 1 / sqrt(mean(x^2) + epsilon) over the `d` values of `x` from `at` on. */
export function reciprocalRms(x: FloatArray, at: number, d: number, epsilon: number): number {
  let squares = 0;
  for (let c = 0; c < d; c++) squares += (x[at + c] ?? 0) ** 2;
  return 1 / Math.sqrt(squares / d + epsilon);
}

/** Writes x / rms(x) * scale into `out` from `outAt` on; `scale` is `[d]`. */
export function rmsNorm(
  out: Float64Array,
  outAt: number,
  x: FloatArray,
  at: number,
  scale: FloatArray,
  epsilon: number,
): void {
  const d = scale.length;
  const factor = reciprocalRms(x, at, d, epsilon);
  for (let c = 0; c < d; c++) out[outAt + c] = (x[at + c] ?? 0) * factor * (scale[c] ?? 0);
}

/**
 * Gradients of {@link rmsNorm} for one vector, added to `dx` from `at` on and to `dScale` from 0 on; `dy` is read from
 * `dyAt` on. With r = 1 / rms(x): dx = r (s dy) - x r^3 / d * sum(s dy x), ds = dy x r.
 */
function rmsNormBackward(
  dx: Float64Array,
  dScale: Float64Array,
  x: FloatArray,
  at: number,
  scale: FloatArray,
  epsilon: number,
  dy: Float64Array,
  dyAt: number,
): void {
  const d = scale.length;
  const r = reciprocalRms(x, at, d, epsilon);
  let dot = 0;
  for (let c = 0; c < d; c++) dot += (scale[c] ?? 0) * (dy[dyAt + c] ?? 0) * (x[at + c] ?? 0);
  const pull = (dot * r ** 3) / d;
  for (let c = 0; c < d; c++) {
    const g = dy[dyAt + c] ?? 0;
    dx[at + c] = (dx[at + c] ?? 0) + r * (scale[c] ?? 0) * g - pull * (x[at + c] ?? 0);
    dScale[c] = (dScale[c] ?? 0) + g * (x[at + c] ?? 0) * r;
  }
}

/** How vectors that lie side by side in a token are normalised, each by itself. */
export interface GroupedNorm {
  readonly epsilon: number;
  /** Vectors of a token, default 1. */
  readonly groups?: number;
  /** The scale is `weightOffset + weight`, default 0. */
  readonly weightOffset?: 0 | 1;
}

/** {@link rmsNorm} of every group of every token: `x` `[N, groups * d]`, `weight` `[groups * d]`. */
export function rmsNormGroups(x: FloatArray, weight: FloatArray, norm: GroupedNorm): Float64Array {
  const scales = groupScales(weight, norm);
  const y = new Float64Array(x.length);
  let at = 0;
  while (at < x.length) {
    for (const scale of scales) {
      rmsNorm(y, at, x, at, scale, norm.epsilon);
      at += scale.length;
    }
  }
  return y;
}

/** Gradients of {@link rmsNormGroups}. */
export function rmsNormGroupsBackward(
  x: FloatArray,
  weight: FloatArray,
  norm: GroupedNorm,
  dy: Float64Array,
): { dx: Float64Array; dWeight: Float64Array } {
  const scales = groupScales(weight, norm);
  const dx = new Float64Array(x.length);
  const dWeight = new Float64Array(weight.length);
  let at = 0;
  while (at < x.length) {
    let scaleAt = 0;
    for (const scale of scales) {
      const dScale = dWeight.subarray(scaleAt, scaleAt + scale.length);
      rmsNormBackward(dx, dScale, x, at, scale, norm.epsilon, dy, at);
      at += scale.length;
      scaleAt += scale.length;
    }
  }
  return { dx, dWeight };
}

function groupScales(weight: FloatArray, { groups = 1, weightOffset = 0 }: GroupedNorm): FloatArray[] {
  const scale = Float64Array.from(weight, (value) => value + weightOffset);
  const d = weight.length / groups;
  return Array.from({ length: groups }, (_, group) => scale.subarray(group * d, (group + 1) * d));
}
