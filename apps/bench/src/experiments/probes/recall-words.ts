// Keys and values for tasks of recall: words of two tokens each. A token alone says little, since every first token goes with
// every second one: which key it is, only the two together say, as in names. Some keys are kept from training, so that it shows
// whether a model knows its keys or puts them together.

import { EngramError, tokenText } from "@engram-ts/core";
import type { Tokenizer } from "@engram-ts/train";

/** A word as its two tokens. */
export type RecallWord = readonly [first: number, second: number];

/** See the head of this file. */
export interface RecallWords {
  /** For training and evaluation. */
  readonly keys: readonly RecallWord[];
  /** For evaluation alone; of the same tokens. */
  readonly freshKeys: readonly RecallWord[];
  readonly values: readonly RecallWord[];
}

/** One key of so many is kept from training. */
const FRESH = 4;

/**
 * Chooses words by the tokens of a tokenizer: small letters, the first with a space before them, spread over all of them.
 * @param sides how many first tokens keys have, and second ones, and values: there are its square of each.
 * @throws EngramError `invalid-argument` where the tokenizer has too few.
 */
export function recallWords({ vocabulary, vocabSize }: Tokenizer, sides: number): RecallWords {
  const texts = Array.from({ length: vocabSize }, (_, id) => tokenText(vocabulary, id));
  const matching = (form: RegExp) => [...texts.keys()].filter((id) => form.test(texts[id] ?? ""));
  const firsts = spread(matching(/^ [a-z]{2,}$/), 2 * sides);
  const seconds = spread(matching(/^[a-z]{2,}$/), 2 * sides);
  const wordsOf = (from: number) =>
    firsts
      .filter((_, i) => i % 2 === from)
      .flatMap((first) => seconds.filter((_, i) => i % 2 === from).map((second): RecallWord => [first, second]));
  const all = wordsOf(0);
  const fresh = (i: number) => (Math.floor(i / sides) + i) % FRESH === FRESH - 1; // no token is fresh alone
  return {
    keys: all.filter((_, i) => !fresh(i)),
    freshKeys: all.filter((_, i) => fresh(i)),
    values: wordsOf(1),
  };
}

function spread(ids: readonly number[], count: number): readonly number[] {
  if (ids.length >= count)
    return Array.from({ length: count }, (_, i) => ids[Math.floor((i * ids.length) / count)] ?? 0);
  const message = `the tokenizer has ${ids.length} tokens of small letters where ${count} are needed; use a larger vocabulary or fewer sides`;
  throw new EngramError({ code: "invalid-argument", operation: "recallWords", message });
}
