// Sequences of a packed batch as spans of its tokens. Shared by the operations that see more than one token: attention
// and the short convolution.

import type { Sequences } from "@engram-ts/core";

/** One sequence: its tokens lie from `from` to before `to`; the first is at position `start`. */
export interface SequenceSpan {
  readonly sequence: number;
  readonly from: number;
  readonly to: number;
  readonly start: number;
}

/** The spans of a batch that have tokens. */
export function sequenceSpans({ cumulativeLengths, starts }: Sequences): SequenceSpan[] {
  const spans: SequenceSpan[] = [];
  starts.forEach((start, sequence) => {
    const [from = 0, to = 0] = cumulativeLengths.subarray(sequence, sequence + 2);
    if (from < to) spans.push({ sequence, from, to, start });
  });
  return spans;
}

/** Position of each token of a batch in its sequence. */
export function positionsOf({ cumulativeLengths, starts }: Sequences): Float64Array {
  const positions = new Float64Array(cumulativeLengths.at(-1) ?? 0);
  starts.forEach((start, s) => {
    const [from = 0, to = 0] = cumulativeLengths.subarray(s, s + 2);
    for (let t = from; t < to; t++) positions[t] = start + t - from;
  });
  return positions;
}
