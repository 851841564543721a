// Linear maps and norms as parts of operations, with their gradients. Tokens are [width, N], weights [inputs, outputs] in
// ggml's order. Weights of smaller types are turned into float32 where gradients need their transposes.

import { add, multiply, repeatBack, scale } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { mulMat, rmsNorm, rmsNormBack } from "../nodes/products.js";
import { cast, packedTranspose, reshape } from "../nodes/shape.js";

/** weight x + bias: [i, N] -> [o, N]. */
export function linearMap(x: GgmlNode, weight: GgmlNode, bias?: GgmlNode): GgmlNode {
  const y = mulMat(weight, x);
  return bias === undefined ? y : add(y, bias);
}

/** The gradient of a linear map's input. */
export function linearInputGradient(dy: GgmlNode, weight: GgmlNode): GgmlNode {
  return mulMat(packedTranspose(cast(weight, "f32")), dy);
}

/** The gradient of its weight, [i, o]. */
export function linearWeightGradient(dy: GgmlNode, x: GgmlNode): GgmlNode {
  return mulMat(packedTranspose(x), packedTranspose(dy));
}

/** Sums over all tokens: the gradient of a bias, and of whatever is repeated over tokens. */
export function sumTokens(dy: GgmlNode): GgmlNode {
  return repeatBack(dy, [dy.sides[0], 1, 1, 1]);
}

/** What a norm is told. */
export interface NormFacts {
  readonly epsilon: number;
  /** Parts of a token that are normed each by itself. */
  readonly groups: number;
  readonly weightOffset: 0 | 1;
}

/** x [groups * d, N] normed in groups, times the weight [groups * d]. */
export function normed(x: GgmlNode, weight: GgmlNode, { epsilon, groups, weightOffset }: NormFacts): GgmlNode {
  const [width, tokens] = x.sides;
  const parts = rmsNorm(reshape(x, width / groups, groups, tokens), epsilon);
  return reshape(multiply(parts, reshape(shifted(weight, weightOffset), width / groups, groups)), width, tokens);
}

/** Gradients of {@link normed}: of x, and of the weight where it is wanted. */
export function normedBack(
  dy: GgmlNode,
  x: GgmlNode,
  weight: GgmlNode,
  { epsilon, groups, weightOffset }: NormFacts,
): { readonly dx: GgmlNode; readonly dWeight: GgmlNode } {
  const [width, tokens] = x.sides;
  const part = [width / groups, groups, tokens] as const;
  const xParts = reshape(x, ...part);
  const dyParts = reshape(dy, ...part);
  const scaled = multiply(dyParts, reshape(shifted(weight, weightOffset), width / groups, groups));
  return {
    dx: reshape(rmsNormBack(scaled, xParts, epsilon), width, tokens),
    dWeight: sumTokens(reshape(multiply(dyParts, rmsNorm(xParts, epsilon)), width, tokens)),
  };
}

function shifted(weight: GgmlNode, offset: 0 | 1): GgmlNode {
  return offset === 0 ? weight : scale(weight, 1, 1);
}
