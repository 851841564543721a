// Training of byte pairs: from words and their counts to the list of merges. Step by step what Hugging Face `tokenizers`
// does (BpeTrainer, 0.23), so that both give the same merges in the same order, ties included: of the most frequent pairs
// the one with the smaller ids. Not here: how a text becomes words (pre-tokenizer.ts), the file (train-tokenizer.ts).
// The method is Sennrich et al., arXiv 1508.07909; counts are kept up incrementally, so a merge costs what it changes.

import { binaryHeap } from "./binary-heap.js";

/** What to train. */
export interface BytePairTraining {
  /** Words, as sequences of ids below `symbols.length`. */
  readonly words: readonly (readonly number[])[];
  /** How often each word occurs, [words]. */
  readonly counts: readonly number[];
  /** The string of each id before any merge. */
  readonly symbols: readonly string[];
  /** The number of ids at which training stops. */
  readonly vocabSize: number;
  /** Pairs that are rarer are not merged. */
  readonly minFrequency: number;
}

/** A pair in the queue, with the count it had then and the words to look for it in. */
interface Candidate {
  readonly left: number;
  readonly right: number;
  count: number;
  readonly words: number[];
}

/** A pair as one number: ids are below 2^24. */
const PAIR = 2 ** 24;

/** Merges as pairs of ids, in the order of their rank; a merged pair has the id of its string, new ones count on. */
export function trainBytePairs(training: BytePairTraining): { merges: [number, number][]; symbols: string[] } {
  const symbols = [...training.symbols];
  const idOfString = new Map(symbols.map((symbol, id) => [symbol, id]));
  const words = training.words.map((word) => [...word]);
  const pairCounts = new Map<number, number>();
  const queue = binaryHeap<Candidate>(comesFirst);
  const merges: [number, number][] = [];
  let changed = new Map<number, number[]>();

  const count = (left: number, right: number, word: number, change: number): void => {
    const pair = left * PAIR + right;
    pairCounts.set(pair, (pairCounts.get(pair) ?? 0) + change * (training.counts[word] ?? 0));
    if (change < 0) return;
    const places = changed.get(pair);
    if (places === undefined) changed.set(pair, [word]);
    else if (places.at(-1) !== word) places.push(word);
  };
  const queueChanged = (): void => {
    for (const [pair, places] of changed) {
      const total = pairCounts.get(pair) ?? 0;
      if (total > 0) queue.push({ left: Math.floor(pair / PAIR), right: pair % PAIR, count: total, words: places });
    }
    changed = new Map();
  };

  words.forEach((word, index) => {
    for (let i = 0; i + 1 < word.length; i++) count(word[i] ?? 0, word[i + 1] ?? 0, index, 1);
  });
  queueChanged();

  while (symbols.length < training.vocabSize) {
    const top = queue.pop();
    if (top === undefined) break;
    const pair = top.left * PAIR + top.right;
    const now = pairCounts.get(pair) ?? 0;
    if (top.count !== now) {
      top.count = now;
      queue.push(top);
      continue;
    }
    if (top.count < 1 || top.count < training.minFrequency) break;
    const merged = (symbols[top.left] ?? "") + (symbols[top.right] ?? "");
    let id = idOfString.get(merged);
    if (id === undefined) {
      id = symbols.length;
      symbols.push(merged);
      idOfString.set(merged, id);
    }
    merges.push([top.left, top.right]);
    for (const word of top.words) mergeInWord(words[word] ?? [], top, id, word, count);
    queueChanged();
  }
  return { merges, symbols };
}

function comesFirst(a: Candidate, b: Candidate): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.left !== b.left ? a.left < b.left : a.right < b.right;
}

/** Merges a pair in one word, from left to right, and counts the pairs that go and come. */
function mergeInWord(
  word: number[],
  { left, right }: Candidate,
  merged: number,
  index: number,
  count: (left: number, right: number, word: number, change: number) => void,
): void {
  let length = 0;
  for (let i = 0; i < word.length; i++) {
    const id = word[i] ?? 0;
    if (id !== left || i + 1 >= word.length || word[i + 1] !== right) {
      word[length++] = id;
      continue;
    }
    const before = word[length - 1];
    if (before !== undefined && length > 0) {
      count(before, left, index, -1);
      count(before, merged, index, 1);
    }
    const after = word[i + 2];
    if (after !== undefined) {
      count(right, after, index, -1);
      count(merged, after, index, 1);
    }
    word[length++] = merged;
    i++;
  }
  word.length = length;
}
