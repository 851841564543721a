// What a model says of single tokens: the loss of each target that counts, and whether it would have been the model's choice.
// The evaluation of a text gives a mean alone; probes need to know which tokens it is made of.
// Not here: which tokens those are.

import { awaitRows, forward, forwardWithRows, openScope, rowsNeeded } from "@engram-ts/core";
import type { TokenBatch } from "@engram-ts/train";
import type { ProbedModel } from "./probed-model.js";

/** Of the targets of a batch that count, in their order. */
export interface Predictions {
  /** Where in the batch the token stands that the target follows, [targets]. */
  readonly places: Uint32Array;
  /** Nats, [targets]. */
  readonly losses: Float64Array;
  /** 1 where the target is the likeliest token, the lower id among equals, [targets]. */
  readonly hits: Uint8Array;
}

/** Runs a batch and looks at its targets. Only the logits of targets that count are computed. */
export async function predictions<T>(
  { model, tables }: ProbedModel<T>,
  { ids, targets, cumulativeLengths }: TokenBatch,
): Promise<Predictions> {
  const places = Uint32Array.from(Array.from(targets.keys()).filter((t) => (targets[t] ?? -1) >= 0));
  const losses = new Float64Array(places.length);
  const hits = new Uint8Array(places.length);
  if (places.length === 0) return { places, losses, hits };
  const { backend, spec } = model;
  const rows = rowsNeeded(model, { ids, cumulativeLengths });
  const memory = await awaitRows(model, rows, { tables });
  const scope = openScope(backend);
  try {
    const batch = { ids, cumulativeLengths, rows, outputs: places };
    const { logits } = forwardWithRows(forward(model, scope.calls, batch), memory);
    scope.release(logits);
    scope.close(); // before the graph runs, so that an engine may use its memory again
    const values = await backend.download(logits); // [targets, V]
    backend.dispose([logits]);
    for (const [at, place] of places.entries()) {
      const own = values.subarray(at * spec.vocabSize, (at + 1) * spec.vocabSize);
      const target = targets[place] ?? 0;
      losses[at] = logSumExp(own) - (own[target] ?? 0);
      hits[at] = likeliest(own) === target ? 1 : 0;
    }
    return { places, losses, hits };
  } finally {
    scope.close();
    backend.dispose(memory.values());
  }
}

/** Logarithm of the sum of the exponentials. */
export function logSumExp(values: Float32Array): number {
  let most = Number.NEGATIVE_INFINITY;
  for (const value of values) if (value > most) most = value;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - most);
  return most + Math.log(sum);
}

/** Index of the greatest value, the lowest among equals. */
export function likeliest(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if ((values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}
