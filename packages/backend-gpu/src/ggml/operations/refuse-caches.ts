// Gradients go through whole sequences alone: what a cache holds was computed in earlier steps, of which no tape knows. The
// operations with caches say so themselves, though their caller has checked it. Not here: checks of the caches
// (../../operation-checks.ts).

import { EngramError } from "@engram-ts/core";

/** @throws EngramError `unsupported` for a call that had caches. */
export function refuseCaches(operation: string, { caches }: { readonly caches?: readonly unknown[] }): void {
  if (caches === undefined) return;
  throw new EngramError({
    code: "unsupported",
    operation,
    message: "gradients go through whole sequences, not through caches; run forward without caches to train",
  });
}
