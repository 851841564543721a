// Rotary positions on one head's values: pair i turns by position * frequencies[i], and is scaled by the amplitude. What
// turns forward by a position turns its gradient back by it. Not here: the frequencies (model/rotary.ts).

import type { Rotary, Sequences } from "../model/backend-operations.js";

/** Turns the values of `x` from `at` on, in place; `direction` -1 gives the gradient's way back. */
function rotate(x: Float64Array, at: number, position: number, rotary: Rotary, direction: 1 | -1): void {
  const { frequencies, amplitude, pairs } = rotary;
  const count = frequencies.length;
  for (let i = 0; i < count; i++) {
    const angle = position * (frequencies[i] ?? 0);
    const cosine = Math.cos(angle) * amplitude;
    const sine = Math.sin(angle) * amplitude * direction;
    const first = pairs === "interleaved" ? at + 2 * i : at + i;
    const second = pairs === "interleaved" ? first + 1 : first + count;
    const u = x[first] ?? 0;
    const v = x[second] ?? 0;
    x[first] = u * cosine - v * sine;
    x[second] = u * sine + v * cosine;
  }
}

/** Where the rotated values of a token lie: `heads` runs, `stride` values apart, the first at `at`. */
export interface RotatedHeads {
  readonly heads: number;
  readonly stride: number;
  readonly at: number;
}

/** Turns the heads of every token of a packed batch by its position, in place; a token has heads * stride values. */
export function rotateHeads(
  x: Float64Array,
  { cumulativeLengths, starts }: Sequences,
  { heads, stride, at }: RotatedHeads,
  rotary: Rotary,
  direction: 1 | -1,
): void {
  for (let s = 0; s < starts.length; s++) {
    const from = cumulativeLengths[s] ?? 0;
    const to = cumulativeLengths[s + 1] ?? 0;
    for (let t = from; t < to; t++) {
      const position = (starts[s] ?? 0) + t - from;
      for (let h = 0; h < heads; h++) rotate(x, (t * heads + h) * stride + at, position, rotary, direction);
    }
  }
}
