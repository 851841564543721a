// hyperCollapse: x = sum_j pre_j streams_j. streams [n * d, N], pre [n, N] -> x [d, N].

import { multiply } from "../nodes/elementwise.js";
import { mulMat } from "../nodes/products.js";
import { reshape } from "../nodes/shape.js";
import type { GgmlOperation } from "./operation.js";
import { spread, sumMiddle } from "./stream-parts.js";

export const hyperCollapse: GgmlOperation<"hyperCollapse"> = {
  forward({ streams, pre }, { streams: n }, engine) {
    const [width, tokens] = streams.node.sides;
    const d = width / n;
    const each = multiply(reshape(streams.node, d, n, tokens), reshape(pre.node, 1, n, tokens));
    return { outputs: { x: { node: reshape(sumMiddle(each, engine), d, tokens), shape: [tokens, d] } } };
  },
  backward({ inputs: { streams, pre }, options: { streams: n } }, { x: dx }, wanted) {
    if (dx === undefined) return {};
    const [d, tokens] = dx.sides;
    return {
      ...(wanted.has("streams") && {
        streams: reshape(spread(dx, reshape(pre.node, 1, n, tokens)), d * n, tokens),
      }),
      ...(wanted.has("pre") && {
        pre: reshape(mulMat(reshape(streams.node, d, n, tokens), reshape(dx, d, 1, tokens)), n, tokens),
      }),
    };
  },
};
