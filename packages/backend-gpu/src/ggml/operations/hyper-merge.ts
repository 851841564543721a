// hyperMerge: y_k = post_k x + sum_j mix_jk streams_j. streams [n * d, N], x [d, N], post [n, N], mix [n * n, N] with k the
// faster index -> y [n * d, N]. x counts as one more stream where that saves nodes.

import { add, concat, multiply } from "../nodes/elementwise.js";
import { mulMat } from "../nodes/products.js";
import { packedTranspose, reshape } from "../nodes/shape.js";
import type { GgmlOperation } from "./operation.js";
import { mixed, spread, sumMiddle } from "./stream-parts.js";

/** Values up to which fewer nodes are better than fewer passes. */
const FEW_VALUES = 1 << 15;

export const hyperMerge: GgmlOperation<"hyperMerge"> = {
  forward({ streams, x, post, mix }, { streams: n }, engine) {
    const [d, tokens] = x.node.sides;
    const parts = reshape(streams.node, d, n, tokens);
    const mixture = reshape(mix.node, n, n, tokens);
    const y =
      parts.values <= FEW_VALUES
        ? mixed(
            concat(parts, reshape(x.node, d, 1, tokens), 1),
            concat(mixture, reshape(post.node, n, 1, tokens), 1),
            engine,
          )
        : add(mixed(parts, mixture, engine), spread(x.node, reshape(post.node, 1, n, tokens)));
    return { outputs: { y: { node: reshape(y, d * n, tokens), shape: streams.shape } } };
  },

  backward({ inputs: { streams, x, post, mix }, options: { streams: n } }, { y }, wanted, engine) {
    if (y === undefined) return {};
    const [d, tokens] = x.node.sides;
    const dy = reshape(y, d, n, tokens);
    return {
      ...(wanted.has("streams") && {
        streams: reshape(mixed(dy, packedTranspose(reshape(mix.node, n, n, tokens)), engine), d * n, tokens),
      }),
      ...(wanted.has("x") && {
        x: reshape(sumMiddle(multiply(dy, reshape(post.node, 1, n, tokens)), engine), d, tokens),
      }),
      ...(wanted.has("post") && { post: reshape(mulMat(dy, reshape(x.node, d, 1, tokens)), n, tokens) }),
      ...(wanted.has("mix") && {
        mix: reshape(mulMat(dy, reshape(streams.node, d, n, tokens)), n * n, tokens), // [k, j, N]
      }),
    };
  },
};
