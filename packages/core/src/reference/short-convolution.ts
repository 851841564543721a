// Engram's short convolution (paper, equation 5): a causal depthwise convolution over time, then SiLU. Channels are
// C = streams * d, branch-major. What came before the sequence counts as zeros; what a caller already fed is carried in
// a history of the last (kernel - 1) * dilation inputs. Not here: the norm before it and the residual around it.

import { sigmoid, siluSlope } from "./gate.js";
import type { FloatArray } from "./rms-norm.js";

/** The shape of a convolution. */
export interface ConvolutionShape {
  /** C. */
  readonly channels: number;
  /** Taps of each channel. */
  readonly kernel: number;
  /** Tokens between two taps: the paper takes the highest n-gram order. */
  readonly dilation: number;
}

/** Tokens that a convolution looks back. */
export function lookback({ kernel, dilation }: Omit<ConvolutionShape, "channels">): number {
  return (kernel - 1) * dilation;
}

/**
 * silu(conv(x)). `x` `[T, C]`; `history` `[lookback, C]`, the inputs before it, oldest first; `weight` `[C, kernel]`,
 * its last tap for the current token. Gives `y` `[T, C]` and the history after `x`, both fresh.
 */
export function shortConvolution(
  x: Float64Array,
  history: Float64Array,
  weight: FloatArray,
  shape: ConvolutionShape,
): { y: Float64Array; history: Float64Array } {
  const { channels, kernel, dilation } = shape;
  const tokens = x.length / channels;
  const padded = new Float64Array(history.length + x.length); // [lookback + T, C]
  padded.set(history);
  padded.set(x, history.length);
  const y = new Float64Array(x.length); // [T, C]
  for (let t = 0; t < tokens; t++) {
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let tap = 0; tap < kernel; tap++) {
        sum += (padded[(t + tap * dilation) * channels + c] ?? 0) * (weight[c * kernel + tap] ?? 0);
      }
      y[t * channels + c] = sum * sigmoid(sum); // SiLU
    }
  }
  return { y, history: padded.slice(x.length) };
}

/**
 * Gradients of {@link shortConvolution} where nothing came before `x`: of `x` `[T, C]` and of `weight` `[C, kernel]`,
 * given `dy` `[T, C]`.
 */
export function shortConvolutionBackward(
  x: Float64Array,
  weight: FloatArray,
  shape: ConvolutionShape,
  dy: Float64Array,
): { dx: Float64Array; dWeight: Float64Array } {
  const { channels, kernel, dilation } = shape;
  const tokens = x.length / channels;
  const dx = new Float64Array(x.length);
  const dWeight = new Float64Array(weight.length);
  for (let t = 0; t < tokens; t++) {
    for (let c = 0; c < channels; c++) {
      let sum = 0;
      for (let tap = 0; tap < kernel; tap++) {
        const from = t - (kernel - 1 - tap) * dilation;
        if (from >= 0) sum += (x[from * channels + c] ?? 0) * (weight[c * kernel + tap] ?? 0);
      }
      const g = (dy[t * channels + c] ?? 0) * siluSlope(sum);
      for (let tap = 0; tap < kernel; tap++) {
        const from = t - (kernel - 1 - tap) * dilation;
        if (from < 0) continue;
        const at = from * channels + c;
        dx[at] = (dx[at] ?? 0) + g * (weight[c * kernel + tap] ?? 0);
        dWeight[c * kernel + tap] = (dWeight[c * kernel + tap] ?? 0) + g * (x[at] ?? 0);
      }
    }
  }
  return { dx, dWeight };
}
