// Trains a byte-level BPE tokenizer on texts and writes it as a standard tokenizer.json: special tokens first, then the 256
// bytes, then merged pairs. Equal, id for id and merge for merge, to what Hugging Face `tokenizers` trains on the same
// texts with ByteLevel pre-tokenization and its whole alphabet. Not here: the merging itself (byte-pair-trainer.ts).

import { EngramError, MAX_TOKENIZER_IDS } from "@engram-ts/core";
import { byteAlphabet, toByteCharacters } from "./byte-alphabet.js";
import { trainBytePairs } from "./byte-pair-trainer.js";
import { BYTE_LEVEL, parsePreTokenizer } from "./pre-tokenizer.js";

/** The special token that ends a document, unless others are named. */
export const END_OF_TEXT = "<|endoftext|>";

/** Options of {@link trainTokenizer}. */
export interface TrainTokenizerOptions {
  /** Number of ids to reach; fewer where the texts have no more pairs to merge. At least 256 and the special tokens. */
  readonly vocabSize: number;
  /** Tokens that no text gives, first in the vocabulary. Default `["<|endoftext|>"]`. */
  readonly specialTokens?: readonly string[];
  /** Pairs that occur less often are not merged. Default 2. */
  readonly minFrequency?: number;
}

/** The content of a tokenizer.json. */
export interface TokenizerJson {
  readonly [part: string]: unknown;
}

const operation = "trainTokenizer";
const UNITS = new Set(byteAlphabet());

/**
 * Trains a tokenizer.
 * @param texts documents; no token spans two of them.
 * @returns the content of a tokenizer.json.
 * @throws EngramError `invalid-argument` where the texts hold nothing or an option is out of range.
 * @example
 * await writeFile("tokenizer.json", JSON.stringify(trainTokenizer(texts, { vocabSize: 8192 })));
 */
export function trainTokenizer(texts: Iterable<string>, options: TrainTokenizerOptions): TokenizerJson {
  const { vocabSize, specialTokens = [END_OF_TEXT], minFrequency = 2 } = options;
  checkSpecialTokens(specialTokens);
  checkWhole("vocabSize", vocabSize, specialTokens.length + 256, MAX_TOKENIZER_IDS);
  checkWhole("minFrequency", minFrequency, 0, Number.MAX_SAFE_INTEGER);
  const symbols = [...specialTokens, ...[...byteAlphabet()].sort()];
  const idOfUnit = new Map(symbols.map((symbol, id) => [symbol, id]));
  const counts = countWords(texts);
  const trained = trainBytePairs({
    words: Array.from(counts.keys(), (word) => Array.from(toByteCharacters(word), (unit) => idOfUnit.get(unit) ?? 0)),
    counts: [...counts.values()],
    symbols,
    vocabSize,
    minFrequency,
  });
  const text = (id: number): string => trained.symbols[id] ?? "";
  return tokenizerJson(
    specialTokens,
    trained.symbols,
    trained.merges.map(([left, right]) => [text(left), text(right)]),
  );
}

/** How often each word of the texts occurs. */
function countWords(texts: Iterable<string>): Map<string, number> {
  const split = parsePreTokenizer(BYTE_LEVEL);
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of split?.(text) ?? []) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  if (counts.size > 0) return counts;
  throw new EngramError({
    code: "invalid-argument",
    operation,
    message: "the texts hold no characters; give texts to train on",
  });
}

function tokenizerJson(
  specialTokens: readonly string[],
  tokens: readonly string[],
  merges: readonly (readonly string[])[],
): TokenizerJson {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: specialTokens.map((content, id) => ({ id, content, ...flags })),
    normalizer: null,
    pre_tokenizer: BYTE_LEVEL,
    post_processor: null,
    decoder: BYTE_LEVEL,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
  };
}

function checkSpecialTokens(tokens: readonly string[]): void {
  const bad = tokens.find(
    (token, index) => typeof token !== "string" || token === "" || UNITS.has(token) || tokens.indexOf(token) !== index,
  );
  if (bad === undefined) return;
  throw new EngramError({
    code: "invalid-argument",
    operation,
    message: `specialTokens holds ${JSON.stringify(bad)}; special tokens are texts of two characters or more, each once`,
    context: { token: bad },
  });
}

function checkWhole(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  throw new EngramError({
    code: "invalid-argument",
    operation,
    message: `${name} is ${String(value)}; use a whole number from ${least} to ${most}`,
    context: { [name]: value },
  });
}
