// Text generation, token ids in and out: prefill the prompt, then sample and decode until a stop token, a limit or an
// abort. One sequence; a caller that wants many runs steps itself. Not here: tokenizers.

import { EngramError } from "../errors.js";
import type { RowStore } from "../store/row-store.js";
import { createDecodeState, type DecodeState } from "./decode-state.js";
import { decodeStep } from "./decode-step.js";
import type { Model } from "./forward-model.js";
import { type SamplingOptions, sampler } from "./sampling.js";

/** Options of {@link generate}. */
export interface GenerateOptions<T> extends SamplingOptions {
  /** What comes before the first generated token, after the tokens of `state`; at least one token. */
  readonly prompt: Uint32Array | readonly number[];
  /** Most tokens to generate; default what the context takes. */
  readonly maxTokens?: number;
  /** Generation ends after one of these, which is given, too. */
  readonly stopIds?: readonly number[];
  /** The table of each block with an engram. */
  readonly tables?: ReadonlyMap<number, RowStore>;
  /** A sequence to go on with; it stays the caller's, and has all tokens but the last generated one afterwards. */
  readonly state?: DecodeState<T>;
  /** Tokens of the prompt that run at once; default 512. */
  readonly chunkTokens?: number;
  readonly signal?: AbortSignal;
}

/**
 * Generates token ids one by one, never one that the model's token map lacks. Nothing runs before the first is asked for; leaving the loop frees everything.
 * @throws EngramError from the loop: `invalid-argument`, `token-out-of-range`, `aborted`, and what reading rows failed with.
 * @example
 * for await (const id of generate(model, { prompt: [1, 2, 3], tables, maxTokens: 20, seed: 1, temperature: 0.8 })) {
 *   console.log(id);
 * }
 */
export async function* generate<T>(model: Model<T>, options: GenerateOptions<T>): AsyncGenerator<number, void, void> {
  const { prompt, stopIds = [], tables, signal, chunkTokens = 512 } = options;
  const sample = sampler(options);
  const state = options.state ?? createDecodeState(model);
  const room = state.capacity - state.length - prompt.length + 1; // the last token needs no place
  const { maxTokens = room } = options;
  checkWhole("maxTokens", maxTokens, 0, Math.max(0, room));
  checkWhole("chunkTokens", chunkTokens, 1, Number.MAX_SAFE_INTEGER);
  if (prompt.length === 0) {
    throw refused("the prompt has no tokens; give at least one, such as the beginning-of-sequence token");
  }
  const known = model.tokenMap?.tokens ?? model.spec.vocabSize; // others could not be fed back
  const run = async (ids: Uint32Array | readonly number[]): Promise<Float32Array> => {
    const { logits } = await decodeStep(model, [{ state, ids }], {
      ...(tables && { tables }),
      ...(signal && { signal }),
    });
    return logits[0]?.subarray(0, known) ?? new Float32Array(0);
  };
  try {
    if (maxTokens === 0) return;
    let logits: Float32Array = new Float32Array(0);
    for (let at = 0; at < prompt.length; at += chunkTokens) logits = await run(prompt.slice(at, at + chunkTokens));
    for (let count = 1; ; count++) {
      const id = sample(logits);
      yield id;
      if (count === maxTokens || stopIds.includes(id)) return;
      logits = await run([id]);
    }
  } finally {
    if (options.state === undefined) state.close();
  }
}

function checkWhole(field: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw refused(`${field} is ${String(value)}; use a whole number from ${least} to ${most}`);
}

function refused(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "generate", message });
}
