// Rows that the host names, taken out of a matrix of tokens, and gradients brought back to where they came from. A row that
// is taken twice gets the sum.

import { add, multiply } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { getRows } from "../nodes/products.js";
import { hostLeaf } from "../nodes/shape.js";

/** x [d, N] -> [d, picks]. */
export function pickRows(x: GgmlNode, tokens: Uint32Array): GgmlNode {
  if (isAll(tokens, x.sides[1])) return x;
  return getRows(x, hostLeaf("i32", [tokens.length], Int32Array.from(tokens)));
}

/** The gradient of {@link pickRows}: dy [d, picks] -> [d, N], zeros where nothing was taken. */
export function returnRows(dy: GgmlNode, tokens: Uint32Array, count: number): GgmlNode {
  if (isAll(tokens, count)) return dy;
  const layers: { places: Int32Array; taken: Float32Array }[] = [];
  const seen = new Uint32Array(count);
  tokens.forEach((token, pick) => {
    const layer = seen[token] ?? 0;
    seen[token] = layer + 1;
    layers[layer] ??= { places: new Int32Array(count), taken: new Float32Array(count) };
    const { places, taken } = layers[layer];
    places[token] = pick;
    taken[token] = 1;
  });
  const parts = layers.map(({ places, taken }) =>
    multiply(getRows(dy, hostLeaf("i32", [count], places)), hostLeaf("f32", [1, count], taken)),
  );
  return parts.reduce((sum, part) => add(sum, part));
}

function isAll(tokens: Uint32Array, count: number): boolean {
  return tokens.length === count && tokens.every((token, i) => token === i);
}
