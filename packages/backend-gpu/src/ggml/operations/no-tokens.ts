// What comes out of a call without tokens, as a step of a batch of sequences may be: nothing, in the right sides. Neither
// ggml nor a cache is asked, since some of ggml's kernels divide by the number of rows. Not here: single sequences without
// tokens in a batch that has some (sequence-batch.ts).

import { hostLeaf } from "../nodes/shape.js";
import type { Operand } from "./operation.js";

/** The results of an operation from x to y of the same sides. */
export function noTokens({ node, shape }: Operand) {
  return { outputs: { y: { node: hostLeaf("f32", node.sides, new Float32Array(0)), shape } } };
}
