// Do the caches that a call was given fit the operation and its sequences? Checked before anything is recorded.

import { EngramError, type OperationName, type Sequences } from "@engram-ts/core";
import type { CacheSlot } from "./runtime/cache-slabs.js";

/** Options of operations with caches, and sides of their inputs. */
interface CachedCall {
  readonly options: {
    readonly sequences?: Sequences;
    readonly keyValueHeads?: number;
    readonly headWidth?: number;
    readonly rotaryWidth?: number;
  };
  readonly shapes: Readonly<Record<string, readonly number[]>>;
}

/**
 * Checks the caches of a call.
 * @throws EngramError `invalid-argument` for a tensor that is no cache, another width, another number, or too many tokens.
 */
export function checkCacheFit(name: OperationName, caches: readonly (CacheSlot | undefined)[], call: CachedCall): void {
  const { sequences } = call.options;
  if (sequences === undefined) return;
  const { starts, cumulativeLengths } = sequences;
  if (caches.length !== starts.length) {
    throw refused(name, `${caches.length} caches for ${starts.length} sequences; give one each`);
  }
  const width = cacheWidth(name, call);
  caches.forEach((cache, s) => {
    if (cache === undefined) throw refused(name, `caches[${s}] is a tensor; use createCache`);
    if (cache.shape.width !== width) {
      throw refused(name, `caches[${s}] has rows of ${cache.shape.width} values, expected ${width}`);
    }
    const end = (starts[s] ?? 0) + (cumulativeLengths[s + 1] ?? 0) - (cumulativeLengths[s] ?? 0);
    if (end > cache.shape.capacity) {
      throw refused(name, `sequence ${s} grows to ${end} tokens and its cache takes ${cache.shape.capacity}`);
    }
  });
}

function cacheWidth(name: OperationName, { options, shapes }: CachedCall): number {
  if (name === "gqa") return 2 * (options.keyValueHeads ?? 0) * (options.headWidth ?? 0);
  if (name === "mla") return (shapes["keyValueNorm"]?.[0] ?? 0) + (options.rotaryWidth ?? 0);
  return shapes["x"]?.[1] ?? 0;
}

function refused(operation: string, message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
