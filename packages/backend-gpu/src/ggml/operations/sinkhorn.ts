// Sinkhorn-Knopp on [n, n, N], rows and columns in turn. It works on square roots: with q the root of m and S the sum of a
// line, m / (S + epsilon) is the square of q / sqrt(S + epsilon), which is one node, an RMS norm of the line, where a sum,
// an addition and a division are three; and its gradient is one node too. A norm leaves sqrt(n) q, and the norm of that
// needs no correction but epsilon's. Columns are rows of the transpose.

import { softMax, softMaxBack } from "../nodes/attention.js";
import { clamp, divide, exponential, multiply, scale, square, squareRoot } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { rmsNorm, rmsNormBack } from "../nodes/products.js";
import { packedTranspose } from "../nodes/shape.js";

/** What Sinkhorn is told. */
export interface SinkhornFacts {
  readonly iterations: number;
  readonly epsilon: number;
  readonly start: "sums" | "softmax";
}

/** The nodes of a run, for its gradient. */
export interface SinkhornNodes {
  /** The first softmax, where it starts with one. */
  readonly softmax?: GgmlNode;
  /** Roots of what the first turn began with. */
  readonly first: GgmlNode;
  readonly turns: readonly Turn[];
  /** The root of the result, times `sqrt(n)` if there was a turn. */
  readonly last: GgmlNode;
  /** [n, n, N]. */
  readonly result: GgmlNode;
}

interface Turn {
  /** What was normed, transposed for columns. */
  readonly before: GgmlNode;
  readonly columns: boolean;
  readonly epsilon: number;
}

/** Keeps a quotient finite where a softmax is 0 and so is the gradient through it. */
const LEAST_ROOT = 1e-18;

/** Logits [n (to), n (from), N] made doubly stochastic. */
export function sinkhorn(logits: GgmlNode, { iterations, epsilon, start }: SinkhornFacts): SinkhornNodes {
  const n = logits.sides[0];
  const softmax = start === "softmax" ? softMax(logits, undefined, 1) : undefined;
  const first = softmax === undefined ? exponential(scale(logits, 0.5)) : squareRoot(scale(softmax, 1, epsilon));
  const turns: Turn[] = [];
  let root = first;
  for (let i = 0; i < iterations; i++) {
    for (const columns of [false, true]) {
      if (i === 0 && !columns && start === "softmax") continue; // the softmax was that turn
      const turn: Turn = {
        before: columns ? packedTranspose(root) : root,
        columns,
        epsilon: turns.length === 0 ? epsilon / n : epsilon,
      };
      turns.push(turn);
      const normed = rmsNorm(turn.before, turn.epsilon);
      root = columns ? packedTranspose(normed) : normed;
    }
  }
  const whole = square(root);
  const result = turns.length === 0 ? whole : scale(whole, 1 / n);
  return { ...(softmax && { softmax }), first, turns, last: root, result };
}

/** The gradient of the logits. */
export function sinkhornBack(dResult: GgmlNode, { softmax, first, turns, last }: SinkhornNodes): GgmlNode {
  const n = dResult.sides[0];
  let d = multiply(scale(dResult, turns.length === 0 ? 2 : 2 / n), last);
  for (const { before, columns, epsilon } of turns.toReversed()) {
    const through = rmsNormBack(columns ? packedTranspose(d) : d, before, epsilon);
    d = columns ? packedTranspose(through) : through;
  }
  if (softmax === undefined) return multiply(scale(d, 0.5), first);
  return softMaxBack(scale(divide(d, clamp(first, LEAST_ROOT, Number.MAX_VALUE)), 0.5), softmax, 1);
}
