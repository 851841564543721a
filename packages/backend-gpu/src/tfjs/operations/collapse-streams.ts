// collapseStreams: the residual streams become one, their mean or the first alone. [N, n * d] -> [N, d].

import type { TensorOperation } from "../tensor-operation.js";
import { rowsOf, widthOf } from "../tensor-shape.js";

export const collapseStreams: TensorOperation<"collapseStreams"> = {
  forward({ tf }, { x }, { streams, take }) {
    const d = widthOf(x) / streams;
    const tokens = rowsOf(x);
    if (take === "first") return { y: tf.slice(x, [0, 0], [tokens, d]) };
    return { y: tf.mul(tf.sum(tf.reshape(x, [tokens, streams, d]), 1), 1 / streams) };
  },
  backward({ tf }, { inputs: { x }, options: { streams, take } }, { y: dy }) {
    if (dy === undefined) return {};
    if (take === "mean") return { x: tf.tile(tf.mul(dy, 1 / streams), [1, streams]) };
    const others = widthOf(x) - widthOf(dy);
    return {
      x: tf.pad(dy, [
        [0, 0],
        [0, others],
      ]),
    };
  },
};
