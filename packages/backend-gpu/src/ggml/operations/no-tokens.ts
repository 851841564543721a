// What comes out of a call without tokens: nothing, in the right sides. ggml is not asked.

import { hostLeaf } from "../nodes/shape.js";
import type { Operand } from "./operation.js";

/** The results of an operation from x to y of the same sides. */
export function noTokens({ node, shape }: Operand) {
  return { outputs: { y: { node: hostLeaf("f32", node.sides, new Float32Array(0)), shape } } };
}
