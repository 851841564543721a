// hyperCollapse: what a sub-layer gets of the residual streams, x = sum_j pre_j streams_j.
// streams [N, n * d], pre [N, n] -> x [N, d].

import type { TensorOperation } from "../tensor-operation.js";
import { rowsOf, widthOf } from "../tensor-shape.js";

export const hyperCollapse: TensorOperation<"hyperCollapse"> = {
  forward({ tf }, { streams, pre }, { streams: n }) {
    const tokens = rowsOf(streams);
    const split = tf.reshape(streams, [tokens, n, widthOf(streams) / n]);
    return { x: tf.sum(tf.mul(split, tf.reshape(pre, [tokens, n, 1])), 1) };
  },
  backward({ tf }, { inputs: { streams, pre }, options: { streams: n } }, { x: dx }) {
    if (dx === undefined) return {};
    const tokens = rowsOf(streams);
    const d = widthOf(dx);
    const up = tf.reshape(dx, [tokens, 1, d]);
    return {
      streams: tf.reshape(tf.mul(tf.reshape(pre, [tokens, n, 1]), up), streams.shape),
      pre: tf.sum(tf.mul(tf.reshape(streams, [tokens, n, d]), up), 2),
    };
  },
};
