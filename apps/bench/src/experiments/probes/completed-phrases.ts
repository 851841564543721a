// The n-grams of a batch that end in a target that counts, and the batch with only those targets that end a phrase of the
// training text. An n-gram counts where it lies within a document and within a sequence, so that the model sees what comes
// before its end.

import { IGNORED_TARGET, type TokenBatch } from "@engram-ts/train";
import { countPhrases } from "./phrase-counts.js";
import type { CountedText } from "./probed-model.js";

/** Phrases, and where they end. */
export interface CompletedPhrases {
  /** Places of the tokens before the last of each phrase, rising, [phrases]. */
  readonly places: readonly number[];
  /** [phrases * order]. */
  readonly phrases: readonly number[];
}

/** All n-grams of one order that end in a target that counts. */
export function completedPhrases(batch: TokenBatch, order: number): CompletedPhrases {
  const { ids, targets, cumulativeLengths } = batch;
  const starts = new Set(cumulativeLengths);
  const places: number[] = [];
  const phrases: number[] = [];
  let seen = 0; // tokens up to this one of its document and sequence
  for (let t = 0; t < ids.length; t++) {
    const begins = starts.has(t) || targets[t - 1] !== ids[t]; // where a document or a piece of it ends
    seen = begins ? 1 : seen + 1;
    const target = targets[t] ?? IGNORED_TARGET;
    if (target < 0 || seen < order - 1) continue;
    places.push(t);
    for (let i = t - order + 2; i <= t; i++) phrases.push(ids[i] ?? 0);
    phrases.push(target);
  }
  return { places, phrases };
}

/** A batch whose targets are only those that end a phrase which the text has so many times or more. */
export function onlyFrequent(
  batch: TokenBatch,
  training: CountedText,
  { order, least }: { readonly order: number; readonly least: number },
): TokenBatch {
  const { places, phrases } = completedPhrases(batch, order);
  const counts = countPhrases(Uint32Array.from(phrases), order, training);
  const targets = new Int32Array(batch.targets.length).fill(IGNORED_TARGET);
  for (const [at, place] of places.entries()) {
    if ((counts[at] ?? 0) >= least) targets[place] = batch.targets[place] ?? IGNORED_TARGET;
  }
  return { ...batch, targets, bytes: 0 };
}
