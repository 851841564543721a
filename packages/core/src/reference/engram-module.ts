// The Engram module of the paper (arXiv 2601.07372, equations 3 to 6), exactly: float64 throughout, one loop after the
// other. Every engine is tested against it. Slow on purpose; not for serving.
// Letters: T tokens, M streams, d width, e_t a token's memory, k key, q query, s score, g gate, v value, u gated value.

import { signedRootGate } from "./gate.js";
import { linear } from "./linear.js";
import { checkModuleInput, type ModuleInput, type ModuleOutput, type ModuleShape } from "./module-pass.js";
import { type FloatArray, rmsNorm } from "./rms-norm.js";
import { lookback, shortConvolution } from "./short-convolution.js";

/** Epsilon of the key and query norms: float32's machine epsilon, PyTorch's default for float32 inputs. */
export const GATE_NORM_EPSILON = 2 ** -23;

/** Epsilon of the norm before the convolution. */
export const CONVOLUTION_NORM_EPSILON = 1e-5;

/** Weights and sizes of the paper's module. Names in brackets are those of its PyTorch parameters. */
export interface EngramModule extends ModuleShape {
  readonly kind: "engram";
  /** Taps of the convolution, 4 in the paper. */
  readonly kernel: number;
  /** Tokens between two taps, the highest n-gram order. */
  readonly dilation: number;
  /** `[d, memoryWidth]`, shared by the streams (value_proj.weight). */
  readonly valueWeight: FloatArray;
  /** `[d]` (value_proj.bias). */
  readonly valueBias: FloatArray;
  /** One stream each. */
  readonly branches: readonly EngramBranch[];
  /** `[M * d, kernel]`, the last tap for the current token (short_conv.conv.weight). */
  readonly convolutionWeight: FloatArray;
}

/** Weights of one stream. */
export interface EngramBranch {
  /** `[d, memoryWidth]` (key_projs.M.weight). */
  readonly keyWeight: FloatArray;
  /** `[d]` (key_projs.M.bias). */
  readonly keyBias: FloatArray;
  /** `[d]` (norm1.M.weight). */
  readonly keyNorm: FloatArray;
  /** `[d]` (norm2.M.weight). */
  readonly queryNorm: FloatArray;
  /** `[d]` (short_conv.norms.M.weight). */
  readonly convolutionNorm: FloatArray;
}

/**
 * Runs the paper's module over T tokens: `update` `[T, M, d]` to add to the hidden states, `gates` `[T, M]`, and the
 * state for the next tokens. Any split of a sequence gives the same numbers, bit for bit.
 * @throws EngramError `invalid-argument` where an array's length does not fit.
 */
export function engramForward(module: EngramModule, input: ModuleInput): ModuleOutput {
  const { streams, width: d, memoryWidth, kernel, dilation } = module;
  const channels = streams * d;
  const past = lookback({ kernel, dilation }) * channels;
  const tokens = checkModuleInput(input, module, past, "engramForward");
  const { hidden, memory } = input;

  const value = linear(memory, module.valueWeight, memoryWidth, module.valueBias); // [T, d]
  const gates = new Float64Array(tokens * streams); // [T, M]
  const gated = new Float64Array(tokens * channels); // [T, M, d]
  const normed = new Float64Array(tokens * channels); // [T, M, d]
  const key = new Float64Array(d);
  const query = new Float64Array(d);
  module.branches.forEach((branch, m) => {
    const keys = linear(memory, branch.keyWeight, memoryWidth, branch.keyBias); // [T, d]
    for (let t = 0; t < tokens; t++) {
      const at = t * channels + m * d;
      rmsNorm(key, 0, keys, t * d, branch.keyNorm, GATE_NORM_EPSILON);
      rmsNorm(query, 0, hidden, at, branch.queryNorm, GATE_NORM_EPSILON);
      let s = 0;
      for (let c = 0; c < d; c++) s += (key[c] ?? 0) * (query[c] ?? 0);
      const g = signedRootGate(s / Math.sqrt(d));
      gates[t * streams + m] = g;
      for (let c = 0; c < d; c++) gated[at + c] = g * (value[t * d + c] ?? 0);
      rmsNorm(normed, at, gated, at, branch.convolutionNorm, CONVOLUTION_NORM_EPSILON);
    }
  });

  const before = input.state?.convolution ?? new Float64Array(past);
  const { y, history } = shortConvolution(normed, before, module.convolutionWeight, { channels, kernel, dilation });
  const update = gated.map((u, i) => u + (y[i] ?? 0)); // [T, M, d]
  return { update, gates, state: { convolution: history } };
}
