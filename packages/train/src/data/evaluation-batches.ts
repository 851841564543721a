// Batches for evaluation: every document once, in the order in which they stand, and then the end. The same batches in
// every evaluation of a run, so that losses can be compared.
// Not here: what is done with them (evaluation/), batches for training (token-source.ts).

import { EngramError } from "@engram-ts/core";
import type { TokenBatch } from "./token-batch.js";
import { cutPieces, type PackingOptions, packBatch } from "./token-packing.js";
import { checkedPacking } from "./token-packing-options.js";
import type { TokenShards } from "./token-shards.js";

/** Options of {@link evaluationBatches}. */
export interface EvaluationBatchesOptions extends PackingOptions {
  /** Stops after the batch that reaches this many tokens. Default: all. */
  readonly maxTokens?: number;
}

/**
 * The batches of a split, once; the last one may be smaller.
 * @throws EngramError `invalid-argument` where an option is out of range.
 */
export function* evaluationBatches(
  shards: TokenShards,
  options: EvaluationBatchesOptions,
): Generator<TokenBatch, void> {
  const packing = checkedPacking(options, "evaluationBatches");
  const { maxTokens = Number.POSITIVE_INFINITY } = options;
  if (!(maxTokens >= 1)) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "evaluationBatches",
      message: `maxTokens is ${String(maxTokens)}; use a number from 1`,
    });
  }
  const pieces = cutPieces(shards, packing.length);
  const order = Uint32Array.from(pieces.starts, (_, piece) => piece);
  const place = { piece: 0, offset: 0 };
  for (let tokens = 0; place.piece < order.length && tokens < maxTokens; ) {
    const batch = packBatch(shards, pieces, packing, place, order, () => undefined);
    tokens += batch.ids.length;
    yield batch;
  }
}
