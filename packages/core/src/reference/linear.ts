// A linear map of token vectors, in float64: y = x W^T + b, with W `[outputs, inputs]` row-major as PyTorch stores it.

import type { FloatArray } from "./rms-norm.js";

/** `[T, inputs]` -> `[T, outputs]`. Without a bias, none is added. */
export function linear(x: FloatArray, weight: FloatArray, inputs: number, bias?: FloatArray): Float64Array {
  const tokens = x.length / inputs;
  const outputs = weight.length / inputs;
  const y = new Float64Array(tokens * outputs); // [T, outputs]
  for (let t = 0; t < tokens; t++) {
    for (let o = 0; o < outputs; o++) {
      let sum = 0;
      for (let i = 0; i < inputs; i++) sum += (x[t * inputs + i] ?? 0) * (weight[o * inputs + i] ?? 0);
      y[t * outputs + o] = sum + (bias?.[o] ?? 0);
    }
  }
  return y;
}

/** Gradients of {@link linear}: dx = dy W, dW = dy^T x, db = sum over tokens of dy. */
export function linearBackward(
  x: FloatArray,
  weight: FloatArray,
  inputs: number,
  dy: Float64Array,
): { dx: Float64Array; dWeight: Float64Array; dBias: Float64Array } {
  const tokens = x.length / inputs;
  const outputs = weight.length / inputs;
  const dx = new Float64Array(x.length); // [T, inputs]
  const dWeight = new Float64Array(weight.length); // [outputs, inputs]
  const dBias = new Float64Array(outputs);
  for (let t = 0; t < tokens; t++) {
    for (let o = 0; o < outputs; o++) {
      const g = dy[t * outputs + o] ?? 0;
      if (g === 0) continue;
      dBias[o] = (dBias[o] ?? 0) + g;
      for (let i = 0; i < inputs; i++) {
        dx[t * inputs + i] = (dx[t * inputs + i] ?? 0) + g * (weight[o * inputs + i] ?? 0);
        dWeight[o * inputs + i] = (dWeight[o * inputs + i] ?? 0) + g * (x[t * inputs + i] ?? 0);
      }
    }
  }
  return { dx, dWeight, dBias };
}
