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
