// hyperMerge: the residual streams after a sub-layer, y_k = post_k x + sum_j mix_jk streams_j.
// streams [N, n * d], x [N, d], post [N, n], mix [N, n * n] (from stream j, to stream k) -> y [N, n * d].

import type { BackendOperation } from "../../model/backend-operations.js";
import { checkShape, type ReferenceTensor, rowsOf, widthOf, zeros } from "../tensor.js";

export const hyperMerge: BackendOperation<ReferenceTensor, "hyperMerge"> = {
  forward({ streams, x, post, mix }, { streams: n }) {
    const tokens = rowsOf(streams);
    const d = widthOf(streams) / n;
    checkShape("hyperMerge", "x", x, [tokens, d]);
    checkShape("hyperMerge", "post", post, [tokens, n]);
    checkShape("hyperMerge", "mix", mix, [tokens, n * n]);
    const y = zeros(tokens, n * d);
    for (let t = 0; t < tokens; t++) {
      for (let k = 0; k < n; k++) {
        for (let c = 0; c < d; c++) {
          let sum = (post.values[t * n + k] ?? 0) * (x.values[t * d + c] ?? 0);
          for (let j = 0; j < n; j++) {
            sum += (mix.values[(t * n + j) * n + k] ?? 0) * (streams.values[(t * n + j) * d + c] ?? 0);
          }
          y.values[(t * n + k) * d + c] = sum;
        }
      }
    }
    return { y };
  },
  backward({ inputs: { streams, x, post, mix }, options: { streams: n } }, { y: dy }) {
    if (dy === undefined) return {};
    const d = widthOf(streams) / n;
    const [dStreams, dx, dPost, dMix] = [
      zeros(...streams.shape),
      zeros(...x.shape),
      zeros(...post.shape),
      zeros(...mix.shape),
    ];
    for (let t = 0; t < rowsOf(streams); t++) {
      for (let k = 0; k < n; k++) {
        for (let c = 0; c < d; c++) {
          const g = dy.values[(t * n + k) * d + c] ?? 0;
          plus(dPost.values, t * n + k, g * (x.values[t * d + c] ?? 0));
          plus(dx.values, t * d + c, g * (post.values[t * n + k] ?? 0));
          for (let j = 0; j < n; j++) {
            const mixAt = (t * n + j) * n + k;
            const streamAt = (t * n + j) * d + c;
            plus(dMix.values, mixAt, g * (streams.values[streamAt] ?? 0));
            plus(dStreams.values, streamAt, g * (mix.values[mixAt] ?? 0));
          }
        }
      }
    }
    return { streams: dStreams, x: dx, post: dPost, mix: dMix };
  },
};

function plus(values: Float64Array, at: number, addend: number): void {
  values[at] = (values[at] ?? 0) + addend;
}
