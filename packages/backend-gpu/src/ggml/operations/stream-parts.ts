// Sums over residual streams, weighted for each token. Streams are [d, n, N], weights [1, n, N], mixtures [to, from, N].
// Nothing here multiplies matrices: n is small, and products on a GPU may run in narrower units. On a GPU the number of
// nodes counts, on a CPU passes over memory and that some of ggml's operations run on one thread.

import { add, concat, multiply, repeat, repeatBack } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { reshape, slice, view } from "../nodes/shape.js";
import type { EngineContext } from "./operation.js";

/** Values up to which one thread is as fast as many. */
const FEW_VALUES = 1 << 15;

/** a [d, n, N] summed over n: [d, 1, N]. */
export function sumMiddle(a: GgmlNode, engine: EngineContext): GgmlNode {
  const [d, n, tokens] = a.sides;
  if (n === 1 || !engine.hostSeesResults || a.values <= FEW_VALUES || n > 16) return repeatBack(a, [d, 1, tokens, 1]);
  const parts = Array.from({ length: n }, (_, i) => slice(a, 1, i, 1));
  return parts.reduce((sum, part) => add(sum, part));
}

/** x [d, N] for each of n streams, times its weight: [d, n, N]. */
export function spread(x: GgmlNode, weights: GgmlNode): GgmlNode {
  const [d, tokens] = x.sides;
  const n = weights.sides[1];
  return multiply(repeat(reshape(x, d, 1, tokens), [d, n, tokens, 1]), weights);
}

/** Streams [d, from, N] mixed by [to, from, N]: [d, to, N]. */
export function mixed(streams: GgmlNode, mix: GgmlNode, engine: EngineContext): GgmlNode {
  const [d, from, tokens] = streams.sides;
  const to = mix.sides[0];
  if (from === to && from > 1 && engine.hostSeesResults && streams.values > FEW_VALUES)
    return mixedByTurns(streams, mix);
  const each = repeat(reshape(streams, d, 1, from, tokens), [d, to, from, tokens]);
  const terms = multiply(each, reshape(mix, 1, to, from, tokens));
  return reshape(repeatBack(terms, [d, to, 1, tokens]), d, to, tokens);
}

/**
 * The same in n steps over all streams at once: step s adds stream (k + s) mod n to stream k. Streams and mixture are
 * written twice in a row, so that what is turned by s is a view: of the streams from s on, and of the mixture's diagonal.
 */
function mixedByTurns(streams: GgmlNode, mix: GgmlNode): GgmlNode {
  const [, n, tokens] = streams.sides;
  const twice = concat(streams, streams, 1); // [d, 2 n, N]
  const flat = reshape(mix, n * n, tokens);
  const coefficients = concat(flat, flat, 0); // [2 n n, N]
  const token = 8 * n * n; // bytes
  const terms = Array.from({ length: n }, (_, s) =>
    multiply(
      slice(twice, 1, s, n),
      view(coefficients, [1, n, tokens, 1], [4 * (n + 1), token, token * tokens], 4 * s * n),
    ),
  );
  return terms.reduce((sum, term) => add(sum, term));
}
