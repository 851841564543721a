// Engram's short convolution (paper, equation 5): a causal depthwise convolution over time, then SiLU. Channels are
// C = streams * d, branch-major. What came before the sequence counts as zeros; what a caller already fed is carried in
// a history of the last (kernel - 1) * dilation inputs. Not here: the norm before it and the residual around it.

import { sigmoid } from "./gate.js";
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
