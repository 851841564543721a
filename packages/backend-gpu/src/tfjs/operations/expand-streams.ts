// expandStreams: every residual stream starts as a copy of x. [N, d] -> [N, n * d]; the gradient is the streams' sum.

import type { TensorOperation } from "../tensor-operation.js";
import { rowsOf, widthOf } from "../tensor-shape.js";

export const expandStreams: TensorOperation<"expandStreams"> = {
  forward: ({ tf }, { x }, { streams }) => ({ y: tf.tile(x, [1, streams]) }),
  backward({ tf }, { inputs: { x }, options: { streams } }, { y: dy }) {
    return dy === undefined ? {} : { x: tf.sum(tf.reshape(dy, [rowsOf(x), streams, widthOf(x)]), 1) };
  },
};
