// expandStreams: every residual stream starts as a copy of x. [N, d] -> [N, n * d]; the gradient is the streams' sum.

import type { BackendOperation } from "../../model/backend-operations.js";
import { type ReferenceTensor, rowsOf, tensor, widthOf, zeros } from "../tensor.js";

export const expandStreams: BackendOperation<ReferenceTensor, "expandStreams"> = {
  forward({ x }, { streams }) {
    const d = widthOf(x);
    const y = zeros(rowsOf(x), streams * d);
    for (let i = 0; i < rowsOf(x) * streams; i++) {
      const t = Math.floor(i / streams);
      y.values.set(x.values.subarray(t * d, (t + 1) * d), i * d);
    }
    return { y };
  },
  backward({ inputs: { x }, options: { streams } }, { y: dy }) {
    return dy === undefined ? {} : { x: tensor(sumStreams(dy.values, streams, widthOf(x)), ...x.shape) };
  },
};

/** [N, n * d] -> [N, d]. */
export function sumStreams(x: Float64Array, streams: number, d: number): Float64Array {
  const y = new Float64Array(x.length / streams);
  for (let i = 0; i < x.length; i++) {
    const at = Math.floor(i / (streams * d)) * d + (i % d);
    y[at] = (y[at] ?? 0) + (x[i] ?? 0);
  }
  return y;
}
