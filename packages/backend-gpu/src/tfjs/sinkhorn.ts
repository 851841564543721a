// Sinkhorn-Knopp on a matrix of n x n numbers a token: rows and columns are normalised in turn until both sum to 1. Its
// gradient goes back through the turns. x / (S + epsilon) has dx = (dy - sum over the line of dy y) / (S + epsilon).

import type { HyperOptions } from "@engram-ts/core";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

const ROWS = 2;
const COLUMNS = 1;

interface Turn {
  readonly axis: typeof ROWS | typeof COLUMNS;
  /** The matrices after this turn [N, n, n], and what they were divided by. */
  readonly after: TfjsArray;
  readonly sums: TfjsArray;
}

/** The turns of all tokens. */
export interface Sinkhorn {
  /** What the first turn began with: exp(l), or softmax(l) + epsilon. */
  readonly start: TfjsArray;
  readonly turns: readonly Turn[];
}

/** Runs `iterations` turns of rows and columns on logits [N, n, n]. */
export function sinkhorn({ tf }: TfjsRuntime, logits: TfjsArray, options: HyperOptions): Sinkhorn {
  const { epsilon, iterations, start } = options;
  const first = start === "softmax" ? tf.add(tf.softmax(logits), epsilon) : tf.exp(logits);
  const turns: Turn[] = [];
  let matrix = first;
  for (let i = 0; i < iterations; i++) {
    for (const axis of [ROWS, COLUMNS] as const) {
      if (i === 0 && axis === ROWS && start === "softmax") continue; // the softmax was that turn
      const sums = tf.add(tf.sum(matrix, axis, true), epsilon);
      matrix = tf.div(matrix, sums);
      turns.push({ axis, after: matrix, sums });
    }
  }
  return { start: first, turns };
}

/** The result of the turns. */
export function doublyStochastic({ start, turns }: Sinkhorn): TfjsArray {
  return turns.at(-1)?.after ?? start;
}

/** The gradient of the logits, given that of the result. */
export function sinkhornBackward(
  { tf }: TfjsRuntime,
  { start, turns }: Sinkhorn,
  options: HyperOptions,
  dResult: TfjsArray,
): TfjsArray {
  let d = dResult;
  for (const { axis, after, sums } of turns.toReversed()) {
    d = tf.div(tf.sub(d, tf.sum(tf.mul(d, after), axis, true)), sums);
  }
  if (options.start === "sums") return tf.mul(d, start); // through exp
  const p = tf.sub(start, options.epsilon); // softmax
  return tf.mul(p, tf.sub(d, tf.sum(tf.mul(d, p), ROWS, true)));
}
