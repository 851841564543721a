// hyperMerge: the residual streams after a sub-layer, y_k = post_k x + sum_j mix_jk streams_j.
// streams [N, n * d], x [N, d], post [N, n], mix [N, n * n] (from stream j, to stream k) -> y [N, n * d].
// The mixtures are sums of n products, not matrix products: a matrix of n x n a token is too small for those.

import type { TensorOperation } from "../tensor-operation.js";
import { rowsOf, widthOf } from "../tensor-shape.js";
import type { TfjsArray } from "../tfjs-library.js";
import type { TfjsRuntime } from "../tfjs-runtime.js";

export const hyperMerge: TensorOperation<"hyperMerge"> = {
  forward(runtime, { streams, x, post, mix }, { streams: n }) {
    const { tf } = runtime;
    const tokens = rowsOf(streams);
    const d = widthOf(x);
    let y = tf.mul(tf.reshape(post, [tokens, n, 1]), tf.reshape(x, [tokens, 1, d]));
    for (let j = 0; j < n; j++) {
      const to = tf.reshape(tf.slice(mix, [0, j * n], [tokens, n]), [tokens, n, 1]);
      y = tf.add(y, tf.mul(to, streamOf(runtime, streams, j, d)));
    }
    return { y: tf.reshape(y, streams.shape) };
  },
  backward(runtime, { inputs: { streams, x, post, mix }, options: { streams: n } }, { y: dy }, wanted) {
    if (dy === undefined) return {};
    const { tf } = runtime;
    const tokens = rowsOf(streams);
    const d = widthOf(x);
    const up = tf.reshape(dy, [tokens, n, d]);
    const dots = (other: TfjsArray) => tf.sum(tf.mul(up, other), 2); // [N, n]
    const sums = (weights: TfjsArray) => tf.sum(tf.mul(up, tf.reshape(weights, [tokens, n, 1])), 1); // [N, d]
    const each = Array.from({ length: n }, (_, j) => j);
    return {
      x: sums(post),
      post: dots(tf.reshape(x, [tokens, 1, d])),
      ...(wanted.has("streams") && {
        streams: tf.concat(
          each.map((j) => sums(tf.slice(mix, [0, j * n], [tokens, n]))),
          1,
        ),
      }),
      ...(wanted.has("mix") && {
        mix: tf.concat(
          each.map((j) => dots(streamOf(runtime, streams, j, d))),
          1,
        ),
      }),
    };
  },
};

/** Stream j as [N, 1, d]. */
function streamOf({ tf }: TfjsRuntime, streams: TfjsArray, j: number, d: number): TfjsArray {
  const tokens = rowsOf(streams);
  return tf.reshape(tf.slice(streams, [0, j * d], [tokens, d]), [tokens, 1, d]);
}
