// Sinkhorn-Knopp: a matrix of n x n numbers becomes one whose rows and columns sum to 1, by normalising rows and columns
// in turn. Its gradient goes back through the turns. Letters: n streams, l logits, e epsilon, S a sum.

import type { HyperOptions } from "../model/backend-operations.js";

type Direction = "rows" | "columns";

interface Turn {
  readonly direction: Direction;
  /** The matrix after this turn. */
  readonly after: Float64Array;
  /** The denominators, one a row or column. */
  readonly sums: Float64Array;
}

/** The turns of one matrix; the last one's result is the result. */
export interface Sinkhorn {
  /** What the first turn began with: exp(l), or softmax(l) + epsilon. */
  readonly start: Float64Array;
  readonly turns: readonly Turn[];
}

/** Runs `iterations` turns of rows and columns on logits `[n, n]`. */
export function sinkhorn(logits: Float64Array, options: HyperOptions): Sinkhorn {
  const { streams: n, epsilon, iterations, start } = options;
  const turns: Turn[] = [];
  let m: Float64Array = logits.map(Math.exp);
  if (start === "softmax") m = normalise(m, n, "rows", 0).after.map((value) => value + epsilon);
  const first = m;
  for (let i = 0; i < iterations; i++) {
    for (const direction of ["rows", "columns"] as const) {
      if (i === 0 && direction === "rows" && start === "softmax") continue; // the softmax was that turn
      const turn = normalise(m, n, direction, epsilon);
      turns.push(turn);
      m = turn.after;
    }
  }
  return { start: first, turns };
}

/** The result of the turns. */
export function doublyStochastic({ start, turns }: Sinkhorn): Float64Array {
  return turns.at(-1)?.after ?? start;
}

/** The gradient of the logits, given that of the result. */
export function sinkhornBackward({ start, turns }: Sinkhorn, options: HyperOptions, dResult: Float64Array) {
  const { streams: n, epsilon } = options;
  let d: Float64Array = dResult;
  for (const turn of turns.toReversed()) d = normaliseBackward(turn, n, d);
  if (options.start === "sums") return d.map((g, i) => g * (start[i] ?? 0)); // through exp
  const p = start.map((value) => value - epsilon); // softmax
  return normaliseBackward({ direction: "rows", after: p, sums: new Float64Array(n).fill(1) }, n, d).map(
    (g, i) => g * (p[i] ?? 0),
  );
}

/** x / (S + epsilon), S over a row or a column. */
function normalise(x: Float64Array, n: number, direction: Direction, epsilon: number): Turn {
  const sums = new Float64Array(n).fill(epsilon);
  x.forEach((value, i) => {
    const line = lineOf(i, n, direction);
    sums[line] = (sums[line] ?? 0) + value;
  });
  return { direction, sums, after: x.map((value, i) => value / (sums[lineOf(i, n, direction)] ?? 1)) };
}

/** dx = (dy - sum over the line of dy y) / S. */
function normaliseBackward({ direction, after, sums }: Turn, n: number, dy: Float64Array): Float64Array {
  const dots = new Float64Array(n);
  after.forEach((y, i) => {
    const line = lineOf(i, n, direction);
    dots[line] = (dots[line] ?? 0) + y * (dy[i] ?? 0);
  });
  return dy.map((g, i) => {
    const line = lineOf(i, n, direction);
    return (g - (dots[line] ?? 0)) / (sums[line] ?? 1);
  });
}

function lineOf(i: number, n: number, direction: Direction): number {
  return direction === "rows" ? Math.floor(i / n) : i % n;
}
