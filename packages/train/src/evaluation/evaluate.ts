// How well a model predicts a text: the mean loss, perplexity, and bits per byte, which does not depend on the tokenizer.
// Runs a model forward alone. Not here: which text, nor what it generates.

import {
  awaitRows,
  EngramError,
  forward,
  forwardWithRows,
  type Model,
  openScope,
  type RowStore,
  rowsNeeded,
} from "@engram-ts/core";
import type { TokenBatch } from "../data/token-batch.js";

/** See {@link evaluate}. */
export interface EvaluateOptions {
  /** The table of each block with an engram. */
  readonly tables?: ReadonlyMap<number, RowStore>;
  /** Ends the evaluation between two batches. */
  readonly signal?: AbortSignal;
}

/** What an evaluation found. */
export interface Evaluation {
  /** Nats, the mean over all targets. */
  readonly loss: number;
  /** e to the loss. */
  readonly perplexity: number;
  /** Of the targets' text in UTF-8; NaN where the batches do not say how many bytes it has. */
  readonly bitsPerByte: number;
  /** Targets that counted. */
  readonly targets: number;
  readonly bytes: number;
}

/**
 * Evaluates a model.
 * @param batches those of a held-out text, and an end.
 * @throws EngramError `invalid-argument` where no target counts, `aborted`, what data, stores and backend throw.
 * @example const { bitsPerByte } = await evaluate(model, batches, { tables });
 */
export async function evaluate<T>(
  model: Model<T>,
  batches: Iterable<TokenBatch> | AsyncIterable<TokenBatch>,
  { tables, signal }: EvaluateOptions = {},
): Promise<Evaluation> {
  let nats = 0;
  let targets = 0;
  let bytes = 0;
  for await (const batch of batches) {
    if (signal?.aborted) {
      const message = "the evaluation was aborted; call it again to begin anew";
      throw new EngramError({ code: "aborted", operation: "evaluate", message, cause: signal.reason });
    }
    const counted = batch.targets.reduce((count, target) => count + (target >= 0 ? 1 : 0), 0);
    if (counted === 0) continue;
    nats += (await lossOf(model, batch, tables)) * counted;
    targets += counted;
    bytes += batch.bytes;
  }
  if (targets === 0) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "evaluate",
      message: "there is no target that counts; give batches with sequences of two tokens or more",
    });
  }
  const loss = nats / targets;
  const bitsPerByte = bytes === 0 ? Number.NaN : nats / Math.LN2 / bytes;
  return { loss, perplexity: Math.exp(loss), bitsPerByte, targets, bytes };
}

async function lossOf<T>(
  model: Model<T>,
  { ids, targets, cumulativeLengths }: TokenBatch,
  tables: ReadonlyMap<number, RowStore> | undefined,
): Promise<number> {
  const { backend } = model;
  const rows = rowsNeeded(model, { ids, cumulativeLengths });
  const memory = await awaitRows(model, rows, tables === undefined ? {} : { tables });
  const scope = openScope(backend);
  try {
    const outputs = Uint32Array.from(ids, (_, t) => t);
    const { logits } = forwardWithRows(forward(model, scope.calls, { ids, cumulativeLengths, rows, outputs }), memory);
    const loss = scope.release(scope.calls.crossEntropy({ logits }, { targets }).loss);
    scope.close(); // before the graph runs, so that an engine may use its memory again
    const [value = Number.NaN] = await backend.download(loss);
    backend.dispose([loss]);
    return value;
  } finally {
    scope.close();
    backend.dispose(memory.values());
  }
}
