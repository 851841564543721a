// How near each block is to the model's last word (LogitLens): the residual after the block goes through the last norm and
// the head as if no block came after, and is compared with the final distribution. A block that is near early leaves less for
// later ones to do; the paper reports that memory brings early blocks nearer.

import { awaitRows, EngramError, forward, forwardWithRows, openScope, rowsNeeded } from "@engram-ts/core";
import type { TokenBatch } from "@engram-ts/train";
import { likeliest, logSumExp } from "./predictions.js";
import type { ProbedModel } from "./probed-model.js";

/** A block, averaged over tokens. */
export interface LensBlock {
  readonly layer: number;
  /** Nats, the divergence of the final distribution from this one: sum of final times log(final / block). 0 for the last. */
  readonly divergence: number;
  /** Nats, of the block's own distribution. */
  readonly entropy: number;
  /** Share of tokens whose likeliest successor is the final one already. */
  readonly agreement: number;
}

/** See {@link logitLens}. */
export interface LogitLens {
  readonly tokens: number;
  readonly blocks: readonly LensBlock[];
}

/**
 * Looks through the lens at the targets of a text that count.
 * @throws EngramError `invalid-argument` where none counts.
 */
export async function logitLens<T>(
  probed: ProbedModel<T>,
  batches: Iterable<TokenBatch>,
  { signal }: { readonly signal?: AbortSignal } = {},
): Promise<LogitLens> {
  const { blocks } = probed.model.spec;
  const sums = blocks.map(() => ({ divergence: 0, entropy: 0, agreement: 0 }));
  let tokens = 0;
  for (const batch of batches) {
    signal?.throwIfAborted();
    const places = Uint32Array.from(Array.from(batch.targets.keys()).filter((t) => (batch.targets[t] ?? -1) >= 0));
    if (places.length === 0) continue;
    tokens += places.length;
    const seen = await logitsAfterBlocks(probed, batch, places);
    const { vocabSize } = probed.model.spec;
    for (let at = 0; at < places.length; at++) {
      const logits = seen.map((values) => values.subarray(at * vocabSize, (at + 1) * vocabSize));
      compare(logits, sums);
    }
  }
  if (tokens === 0) {
    const message = "there is no target that counts; give batches with sequences of two tokens or more";
    throw new EngramError({ code: "invalid-argument", operation: "logitLens", message });
  }
  return {
    tokens,
    blocks: sums.map(({ divergence, entropy, agreement }, layer) => ({
      ...{ layer, divergence: divergence / tokens, entropy: entropy / tokens, agreement: agreement / tokens },
    })),
  };
}

/** `[places, V]` after each block; the last block's are the model's own. */
async function logitsAfterBlocks<T>(
  { model, tables }: ProbedModel<T>,
  { ids, cumulativeLengths }: TokenBatch,
  places: Uint32Array,
): Promise<readonly Float32Array[]> {
  const { backend, spec, parameters } = model;
  const norm = parameters.get("norm.weight");
  const head = parameters.get(spec.head === "tied" ? "embedding.weight" : "head.weight");
  if (norm === undefined || head === undefined) throw new TypeError("a model has a norm and a head"); // createModel checks
  const rows = rowsNeeded(model, { ids, cumulativeLengths });
  const memory = await awaitRows(model, rows, { tables });
  const scope = openScope(backend);
  const made: T[] = [];
  try {
    const afterBlock = (_layer: number, x: T) => {
      const { y } = scope.calls.logits({ x, norm, head }, { tokens: places, epsilon: spec.normEpsilon });
      made.push(scope.release(y));
    };
    forwardWithRows(forward(model, scope.calls, { ids, cumulativeLengths, rows, outputs: places, afterBlock }), memory);
    scope.close(); // before the graph runs, so that an engine may use its memory again
    return await Promise.all(made.map((logits) => backend.download(logits)));
  } finally {
    scope.close();
    backend.dispose([...made, ...memory.values()]);
  }
}

/** Adds one token's comparison of each block with the last. */
function compare(
  logits: readonly Float32Array[],
  sums: readonly { divergence: number; entropy: number; agreement: number }[],
): void {
  const final = logits.at(-1) ?? new Float32Array(0);
  const finalSum = logSumExp(final);
  const choice = likeliest(final);
  for (const [layer, own] of logits.entries()) {
    const sum = sums[layer];
    if (sum === undefined) continue;
    const ownSum = logSumExp(own);
    for (let i = 0; i < own.length; i++) {
      const ownLog = (own[i] ?? 0) - ownSum;
      const finalLog = (final[i] ?? 0) - finalSum;
      sum.divergence += Math.exp(finalLog) * (finalLog - ownLog);
      sum.entropy -= Math.exp(ownLog) * ownLog;
    }
    sum.agreement += likeliest(own) === choice ? 1 : 0;
  }
}
