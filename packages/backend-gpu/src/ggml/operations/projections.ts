// Linear maps to the heads of attention and the norms of heads, and the way of their gradients back. Not here: linear maps
// and norms of whole tokens (linear-parts.ts), rotations (rotary-positions.ts).
// Letters: w a head's width, H heads, N tokens.

import { add, multiply, repeatBack } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { rmsNorm, rmsNormBack } from "../nodes/products.js";
import { reshape } from "../nodes/shape.js";
import { linearMap } from "./linear-parts.js";

/** x [d, N], weight [d, w * H] -> [w, H, N]. */
export function projectHeads(x: GgmlNode, weight: GgmlNode, w: number): GgmlNode {
  return reshape(linearMap(x, weight), w, weight.sides[1] / w, x.sides[1]);
}

/** Each head normed, times one weight for all, [w]; as it was where there is none. */
export function normHeads(raw: GgmlNode, weight: GgmlNode | undefined, epsilon: number): GgmlNode {
  return weight === undefined ? raw : multiply(rmsNorm(raw, epsilon), weight);
}

/** Gradients of {@link normHeads}. */
export function normHeadsBack(dy: GgmlNode, raw: GgmlNode, weight: GgmlNode | undefined, epsilon: number) {
  if (weight === undefined) return { raw: dy, weight: undefined };
  return {
    raw: rmsNormBack(multiply(dy, weight), raw, epsilon),
    weight: repeatBack(multiply(dy, rmsNorm(raw, epsilon)), [dy.sides[0], 1, 1, 1]),
  };
}

/** Heads side by side again: [w, H, N] -> [w * H, N]. */
export function joinHeads(a: GgmlNode): GgmlNode {
  const [w, H, N] = a.sides;
  return reshape(a, w * H, N);
}

/** The sum of some gradients. */
export function sumOf(...nodes: readonly GgmlNode[]): GgmlNode {
  return nodes.reduce(add);
}
