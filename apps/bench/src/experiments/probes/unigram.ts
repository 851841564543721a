// The predictor that knows how often each token occurs in the training text, and nothing else: what a model's losses are
// measured from. One is added to every count, so that no token is impossible.

import type { CountedText } from "./probed-model.js";

/** Token frequencies. */
export interface Unigram {
  /** Nats of each token, [vocabSize]. */
  readonly losses: Float64Array;
  /** Draws a token by its frequency in the text; `random` gives numbers from 0 to below 1. */
  draw(random: () => number): number;
}

/** Counts a text. */
export function unigramOf({ ids }: Pick<CountedText, "ids">, vocabSize: number): Unigram {
  const counts = new Float64Array(vocabSize);
  for (const id of ids) counts[id] = (counts[id] ?? 0) + 1;
  const total = ids.length + vocabSize;
  return {
    losses: counts.map((count) => Math.log(total / (count + 1))),
    draw: (random) => ids[Math.floor(random() * ids.length)] ?? 0,
  };
}
