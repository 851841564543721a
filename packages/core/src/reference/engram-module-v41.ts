// The Engram module of DeepSeek-V4.1-Flash (its technical report, section 2.4.2), exactly, in float64: one fused
// projection, one product of the two learned scales, no convolution, and dead positions (image tokens) that take nothing
// from memory. Letters as in engram-module.ts. Not here: the latch of the look-back at dead tokens, which is addressing.

import { copiedSignGate } from "./gate.js";
import { linear } from "./linear.js";
import {
  checkModuleInput,
  invalidInput,
  type ModuleInput,
  type ModuleOutput,
  type ModuleShape,
} from "./module-pass.js";
import { type FloatArray, reciprocalRms } from "./rms-norm.js";

/** Epsilon of both norms. */
export const V41_NORM_EPSILON = 1e-20;

/** Weights and sizes of V4.1's module. */
export interface EngramModuleV41 extends ModuleShape {
  readonly kind: "deepseek-v4.1";
  /** `[(M + 1) * d, memoryWidth]`: M keys, then the value (wkv.weight). */
  readonly keysValueWeight: FloatArray;
  /** `[M, d]` (q_weight); it counts only multiplied with `keyWeight`. */
  readonly queryWeight: FloatArray;
  /** `[M, d]` (k_weight). */
  readonly keyWeight: FloatArray;
}

/** A V4.1 call may name dead positions. */
export interface ModuleInputV41 extends ModuleInput {
  /** 1 where a token is dead, `[T]`; its gates are exactly 0. None are where it is left out. */
  readonly dead?: Uint8Array;
}

/**
 * Runs V4.1's module over T tokens: `update` `[T, M, d]`, `gates` `[T, M]`. It carries no state.
 * @throws EngramError `invalid-argument` where an array's length does not fit.
 */
export function engramV41Forward(module: EngramModuleV41, input: ModuleInputV41): ModuleOutput {
  const { streams, width: d, memoryWidth, queryWeight, keyWeight } = module;
  const tokens = checkModuleInput(input, module, 0, "engramV41Forward");
  const { hidden, memory, dead } = input;
  if (dead !== undefined && dead.length !== tokens) {
    throw invalidInput(
      "engramV41Forward",
      `dead has ${dead.length} entries; give one for each of the ${tokens} tokens`,
    );
  }

  const keysValue = linear(memory, module.keysValueWeight, memoryWidth); // [T, M + 1, d]
  const gates = new Float64Array(tokens * streams); // [T, M]
  const update = new Float64Array(tokens * streams * d); // [T, M, d]
  for (let t = 0; t < tokens; t++) {
    if (dead !== undefined && dead[t] !== 0) continue; // gate and update stay 0
    const valueAt = (t * (streams + 1) + streams) * d;
    for (let m = 0; m < streams; m++) {
      const hiddenAt = (t * streams + m) * d;
      const keyAt = (t * (streams + 1) + m) * d;
      let dot = 0;
      for (let c = 0; c < d; c++) {
        const scale = (queryWeight[m * d + c] ?? 0) * (keyWeight[m * d + c] ?? 0);
        dot += (hidden[hiddenAt + c] ?? 0) * scale * (keysValue[keyAt + c] ?? 0);
      }
      const norms =
        reciprocalRms(hidden, hiddenAt, d, V41_NORM_EPSILON) * reciprocalRms(keysValue, keyAt, d, V41_NORM_EPSILON);
      const g = copiedSignGate((dot * norms) / Math.sqrt(d));
      gates[t * streams + m] = g;
      for (let c = 0; c < d; c++) update[hiddenAt + c] = g * (keysValue[valueAt + c] ?? 0);
    }
  }
  return { update, gates, state: { convolution: new Float64Array(0) } };
}
