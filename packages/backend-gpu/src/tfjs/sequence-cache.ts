// What a sequence keeps of its tokens for one operation, as tensors [batch, tokens, width] in the layout that the
// operation reads: keys and values by head, latents, inputs of a convolution. tfjs's tensors do not change, so appending
// makes new ones; a call's caches change together, after all of it succeeded (guarded-operation.ts).

import type { CacheShape, Sequences } from "@engram-ts/core";
import { refused } from "../operation-checks/checked-inputs.js";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

/** Tokens of a cache: those from position `first` to before `end`. */
export interface CachedTokens {
  /** Each [batch, end - first, width]; none before the first tokens. */
  readonly parts: readonly TfjsArray[];
  readonly first: number;
  readonly end: number;
}

/** A cache of one sequence. */
export interface SequenceCache {
  readonly shape: CacheShape;
  tokens: CachedTokens;
  /** What the running call makes of it. */
  next?: CachedTokens | undefined;
}

/** An empty cache. */
export function emptyCache(shape: CacheShape): SequenceCache {
  return { shape, tokens: { parts: [], first: 0, end: 0 } };
}

/**
 * Checks that caches hold what a call reads, besides what ../operation-checks.ts asks of them: `lookback` tokens before a
 * sequence's start are read, or all.
 * @throws EngramError `invalid-argument`, naming the sequence.
 */
export function checkCachedTokens(
  operation: string,
  caches: readonly SequenceCache[],
  { cumulativeLengths, starts }: Sequences,
  lookback = Number.POSITIVE_INFINITY,
): void {
  if (new Set(caches).size < caches.length)
    throw refused(operation, "two sequences have the same cache; give one each");
  caches.forEach(({ tokens: { first, end } }, s) => {
    const start = starts[s] ?? 0;
    if (cumulativeLengths[s] === cumulativeLengths[s + 1]) return; // no tokens: nothing is read
    if (start <= end && Math.max(0, start - lookback) >= first) return;
    const found = `sequence ${s} starts at token ${start} and its cache has those from ${first} to before ${end}`;
    throw refused(operation, `${found}; start after one of them, or give a wider window`);
  });
}

/**
 * The tokens of a cache before `start`, and after them `added`, each [batch, T, width]. The cache has them once the call
 * has succeeded; tokens that it had after `start` are gone, and those before its window.
 */
export function appended(
  { tf }: TfjsRuntime,
  cache: SequenceCache,
  start: number,
  added: readonly TfjsArray[],
): CachedTokens {
  const { parts, first } = cache.tokens;
  const before = start - first;
  const joined = added.map((part, i) => {
    const old = parts[i];
    if (old === undefined || before <= 0) return part;
    return tf.concat([cut(tf, old, 0, before), part], 1);
  });
  const end = start + (added[0]?.shape[1] ?? 0);
  const all = { parts: joined, first: before <= 0 ? start : first, end };
  const kept = Math.max(all.first, end - (cache.shape.window ?? end));
  cache.next = { parts: joined.map((part) => cut(tf, part, kept - all.first, end - kept)), first: kept, end };
  return all;
}

/** `count` tokens of a part from `from` on; the part itself where that is all of it. */
function cut(tf: TfjsRuntime["tf"], part: TfjsArray, from: number, count: number): TfjsArray {
  const [batch = 0, tokens = 0, width = 0] = part.shape;
  if (from === 0 && count === tokens) return part;
  return tf.slice(part, [0, from, 0], [batch, count, width]);
}
