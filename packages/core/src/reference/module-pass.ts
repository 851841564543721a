// What goes into an Engram module and what comes out, the same for every kind, and the checks on it. The state of a
// sequence is a value: keep it, copy it, go back to an older one. Not here: any computation.

import { EngramError } from "../errors.js";
import type { FloatArray } from "./rms-norm.js";

/** One call of a module, over T consecutive tokens of one sequence. T may be 0. */
export interface ModuleInput {
  /** Hidden states before the module, `[T, streams, width]`. */
  readonly hidden: FloatArray;
  /** Decoded rows of each token, one after the other, `[T, rowsPerToken * rowWidth]` = `[T, memoryWidth]`. */
  readonly memory: FloatArray;
  /** The state after the tokens before these; none at the start of a sequence. */
  readonly state?: ModuleState;
}

/** What a module carries from one call to the next. Plain data, never changed once given out. */
export interface ModuleState {
  /** The convolution's last inputs, oldest first, `[(kernel - 1) * dilation, streams, width]`; empty without one. */
  readonly convolution: Float64Array;
}

/** What a module gives. All arrays are fresh. */
export interface ModuleOutput {
  /** To be added to the hidden states, `[T, streams, width]`. */
  readonly update: Float64Array;
  /** How far each stream lets its memory in, 0 to 1, `[T, streams]`. */
  readonly gates: Float64Array;
  /** To be given with the next tokens. */
  readonly state: ModuleState;
}

/** The sizes that all kinds have. */
export interface ModuleShape {
  /** Residual streams (the paper's branches, M). */
  readonly streams: number;
  /** Values of one stream's hidden state, d. */
  readonly width: number;
  /** Values of one token's rows together, rowsPerToken * rowWidth. */
  readonly memoryWidth: number;
}

/**
 * Checks an input against a module's sizes and gives T.
 * @throws EngramError `invalid-argument`, naming the array, its length and the one expected.
 */
export function checkModuleInput(
  input: ModuleInput,
  shape: ModuleShape,
  stateLength: number,
  operation: string,
): number {
  const { hidden, memory, state } = input;
  const { streams, width, memoryWidth } = shape;
  const tokens = memory.length / memoryWidth;
  if (!Number.isInteger(tokens)) {
    throw invalidInput(
      operation,
      `memory has ${memory.length} values; use a multiple of the memory width ${memoryWidth}`,
    );
  }
  if (hidden.length !== tokens * streams * width) {
    throw invalidInput(
      operation,
      `hidden has ${hidden.length} values; memory is of ${tokens} tokens, for which hidden is [${tokens}, ${streams}, ${width}], ${tokens * streams * width} values`,
    );
  }
  if (state !== undefined && state.convolution.length !== stateLength) {
    throw invalidInput(
      operation,
      `state.convolution has ${state.convolution.length} values, this module's has ${stateLength}; give the state of the same module`,
    );
  }
  return tokens;
}

/** An error about an input array. */
export function invalidInput(operation: string, message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
