// A task of context alone: a segment, and the same segment again. Whoever reads the first can copy it; nothing else helps more
// than frequencies of tokens do, where the segment's tokens were drawn by those. Only the second occurrence counts.

import { IGNORED_TARGET, type TokenBatch } from "@engram-ts/train";
import { seeded } from "../../statistics/seeded.js";

/** The shape of the task. */
export interface CopyTaskOptions {
  /** Tokens of a segment; a sequence has twice as many. */
  readonly length: number;
  readonly sequences: number;
  readonly seed: number;
}

/** One batch of sequences that each say a segment twice; `segment` gives a segment's tokens. */
export function copyTask(
  { length, sequences, seed }: CopyTaskOptions,
  segment: (random: () => number, length: number) => ArrayLike<number>,
): TokenBatch {
  const random = seeded(seed);
  const tokens = 2 * length;
  const ids = new Uint32Array(sequences * tokens);
  const targets = new Int32Array(sequences * tokens).fill(IGNORED_TARGET);
  for (let s = 0; s < sequences; s++) {
    const own = segment(random, length);
    for (let t = 0; t < tokens; t++) ids[s * tokens + t] = own[t % length] ?? 0;
    // the first token again follows from nothing
    for (let t = length; t + 1 < tokens; t++) targets[s * tokens + t] = own[(t + 1) % length] ?? 0;
  }
  const cumulativeLengths = Uint32Array.from({ length: sequences + 1 }, (_, s) => s * tokens);
  return { ids, targets, cumulativeLengths, bytes: 0 };
}
