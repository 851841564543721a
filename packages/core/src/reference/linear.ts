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
