// What a sequence keeps of its tokens for one operation: a row a token, found by the token's position. Without a window
// it grows; with one it is a ring, in which a row lies until the token `window` positions later is written. The reference
// keeps no count of tokens: positions come with each call.

import { EngramError } from "../errors.js";
import type { CacheShape } from "../model/backend.js";
import type { Sequences } from "../model/backend-operations.js";
import type { ReferenceTensor } from "./tensor.js";

/** A cache of one sequence. */
export interface ReferenceCache extends ReferenceTensor {
  /** Replaced when it grows. */
  values: Float64Array;
  readonly cache: CacheShape;
}

/** An empty cache. */
export function createCache(cache: CacheShape): ReferenceCache {
  const rows = cache.window ?? 0;
  return { shape: [cache.capacity, cache.width], values: new Float64Array(rows * cache.width), cache };
}

/** A cache with the same rows. */
export function copyCache(from: ReferenceCache): ReferenceCache {
  return { ...from, values: from.values.slice() };
}

/** The caches of a call, one a sequence, or undefined where it has none. */
export function checkCaches(
  operation: string,
  caches: readonly ReferenceTensor[] | undefined,
  sequences: Sequences,
  width: number,
): readonly ReferenceCache[] | undefined {
  const { cumulativeLengths, starts } = sequences;
  if (caches === undefined) {
    if (starts.every((start) => start === 0)) return undefined;
    throw refused(operation, "a sequence starts after 0 and there are no caches; give what is before it");
  }
  if (caches.length !== starts.length) {
    throw refused(operation, `${caches.length} caches for ${starts.length} sequences; give one each`);
  }
  return caches.map((cache, s) => {
    if (!isCache(cache)) throw refused(operation, `caches[${s}] is a tensor; use createCache`);
    if (cache.cache.width !== width) {
      throw refused(operation, `caches[${s}] has rows of ${cache.cache.width} values, expected ${width}`);
    }
    const end = (starts[s] ?? 0) + (cumulativeLengths[s + 1] ?? 0) - (cumulativeLengths[s] ?? 0);
    if (end > cache.cache.capacity) {
      throw refused(operation, `sequence ${s} grows to ${end} tokens and its cache takes ${cache.cache.capacity}`);
    }
    return cache;
  });
}

/** Whether a tensor is a cache. */
export function isCache(tensor: ReferenceTensor): tensor is ReferenceCache {
  return "cache" in tensor;
}

/** Writes the rows of the tokens from position `start` on. */
export function writeCache(cache: ReferenceCache, start: number, rows: Float64Array): void {
  const { width, window } = cache.cache;
  const count = rows.length / width;
  if (window === undefined && (start + count) * width > cache.values.length) {
    const grown = new Float64Array(Math.max(2 * cache.values.length, (start + count) * width));
    grown.set(cache.values);
    cache.values = grown;
  }
  const first = window === undefined ? 0 : Math.max(0, count - window);
  for (let row = first; row < count; row++) {
    const slot = window === undefined ? start + row : (start + row) % window;
    cache.values.set(rows.subarray(row * width, (row + 1) * width), slot * width);
  }
}

/** The rows of positions `from` to before `to`; zeros before position 0. */
export function readCache(cache: ReferenceCache, from: number, to: number): Float64Array {
  const { width, window } = cache.cache;
  const rows = new Float64Array((to - from) * width);
  for (let position = Math.max(0, from); position < to; position++) {
    const slot = window === undefined ? position : position % window;
    rows.set(cache.values.subarray(slot * width, (slot + 1) * width), (position - from) * width);
  }
  return rows;
}

function refused(operation: string, message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
