// Sequences of a packed batch as spans of its tokens, and matrices cut and joined by columns. Shared by the operations
// that see more than one token: attention, the short convolution.

import { EngramError } from "../errors.js";
import type { Sequences } from "../model/backend-operations.js";
import { type ReferenceTensor, rowsOf } from "./tensor.js";

/** One sequence: its tokens lie from `from` to before `to`; the first is at position `start`. */
export interface SequenceSpan {
  readonly sequence: number;
  readonly from: number;
  readonly to: number;
  readonly start: number;
}

/**
 * The spans of a batch, checked against the tokens of `x`.
 * @throws EngramError `invalid-argument` where the lengths do not rise from 0 to N.
 */
export function sequenceSpans(
  operation: string,
  { cumulativeLengths, starts }: Sequences,
  x: ReferenceTensor,
): SequenceSpan[] {
  const spans: SequenceSpan[] = [];
  let rises = cumulativeLengths.length === starts.length + 1 && cumulativeLengths[0] === 0;
  for (let sequence = 0; sequence < starts.length; sequence++) {
    const [from = 0, to = 0] = cumulativeLengths.subarray(sequence, sequence + 2);
    rises &&= from <= to;
    spans.push({ sequence, from, to, start: starts[sequence] ?? 0 });
  }
  if (rises && cumulativeLengths.at(-1) === rowsOf(x)) return spans;
  throw new EngramError({
    code: "invalid-argument",
    operation,
    message: `cumulative lengths [${cumulativeLengths.join(", ")}] with ${starts.length} starts; they rise from 0 to the ${rowsOf(x)} tokens of x, one more of them than starts`,
  });
}

/** Refuses the gradient of a call that had caches. */
export function refuseCaches(operation: string, { caches }: { readonly caches?: readonly unknown[] }): void {
  if (caches === undefined) return;
  throw new EngramError({
    code: "unsupported",
    operation,
    message: "gradients go through whole sequences, not through caches; run forward without states to train",
  });
}

/** Two matrices side by side: [N, a] and [N, b] as [N, a + b]. */
export function sideBySide(left: Float64Array, right: Float64Array, a: number, b: number): Float64Array {
  const rows = left.length / a;
  const out = new Float64Array(rows * (a + b));
  for (let r = 0; r < rows; r++) {
    out.set(left.subarray(r * a, (r + 1) * a), r * (a + b));
    out.set(right.subarray(r * b, (r + 1) * b), r * (a + b) + a);
  }
  return out;
}

/** Columns `from` to before `to` of a matrix of `width` columns. */
export function columns(matrix: Float64Array, width: number, from: number, to: number): Float64Array {
  const rows = matrix.length / width;
  const out = new Float64Array(rows * (to - from));
  for (let r = 0; r < rows; r++) out.set(matrix.subarray(r * width + from, r * width + to), r * (to - from));
  return out;
}
