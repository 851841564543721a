// Sequences of a packed batch, and their caches: lengths add up to the tokens, a sequence that starts after 0 has what is
// before it, and every cache is one, of the operation's width, with room for what is appended.

import type { CacheShape, Sequences } from "@engram-ts/core";
import { EngramError } from "@engram-ts/core";
import { refused } from "./checked-inputs.js";

/** Options of an operation that sees sequences. */
interface SequenceOptions {
  readonly sequences: Sequences;
  readonly caches?: readonly unknown[];
}

/** Checks that the lengths rise from 0 to the `tokens` of x, and that there are as many caches, or none and no starts. */
export function checkSequences(operation: string, { sequences, caches }: SequenceOptions, tokens: number): void {
  const { cumulativeLengths: ends, starts } = sequences;
  let rises = ends.length === starts.length + 1 && ends[0] === 0;
  for (let s = 0; s < starts.length; s++) rises &&= (ends[s] ?? 0) <= (ends[s + 1] ?? 0);
  if (!rises || ends.at(-1) !== tokens) {
    const found = `cumulative lengths [${ends.join(", ")}] with ${starts.length} starts`;
    throw refused(operation, `${found}; they rise from 0 to the ${tokens} tokens of x, one more of them than starts`);
  }
  if (caches === undefined) {
    if (starts.every((start) => start === 0)) return;
    throw refused(operation, "a sequence starts after 0 and there are no caches; give what is before it");
  }
  if (caches.length === starts.length) return;
  throw refused(operation, `${caches.length} caches for ${starts.length} sequences; give one each`);
}

/**
 * Checks the caches of a call, after {@link checkSequences}: undefined stands for a handle that is none.
 * @throws EngramError `invalid-argument`
 */
export function checkCaches(
  operation: string,
  caches: readonly (CacheShape | undefined)[],
  { cumulativeLengths, starts }: Sequences,
  width: number,
): void {
  caches.forEach((cache, s) => {
    if (cache === undefined) throw refused(operation, `caches[${s}] is a tensor; use createCache`);
    if (cache.width !== width) {
      throw refused(operation, `caches[${s}] has rows of ${cache.width} values, expected ${width}`);
    }
    const end = (starts[s] ?? 0) + (cumulativeLengths[s + 1] ?? 0) - (cumulativeLengths[s] ?? 0);
    if (end <= cache.capacity) return;
    throw refused(operation, `sequence ${s} grows to ${end} tokens and its cache takes ${cache.capacity}`);
  });
}

/** Refuses the gradient of a call that had caches. @throws EngramError `unsupported` */
export function refuseCaches(operation: string, { caches }: { readonly caches?: readonly unknown[] }): void {
  if (caches === undefined) return;
  throw new EngramError({
    code: "unsupported",
    operation,
    message: "gradients go through whole sequences, not through caches; run forward without states to train",
  });
}
