// hyperCollapse: what a sub-layer gets of the residual streams, x = sum_j pre_j streams_j.
// streams [N, n * d], pre [N, n] -> x [N, d].

import type { BackendOperation } from "../../model/backend-operations.js";
import { checkShape, invalidShape, type ReferenceTensor, rowsOf, widthOf, zeros } from "../tensor.js";

export const hyperCollapse: BackendOperation<ReferenceTensor, "hyperCollapse"> = {
  forward({ streams, pre }, { streams: n }) {
    checkShape("hyperCollapse", "pre", pre, [rowsOf(streams), n]);
    const d = widthOf(streams) / n;
    if (!Number.isInteger(d)) throw invalidShape("hyperCollapse", "streams", streams, `[N, ${n} * d]`);
    const x = zeros(rowsOf(streams), d);
    for (let i = 0; i < pre.values.length; i++) {
      const at = Math.floor(i / n) * d;
      for (let c = 0; c < d; c++) {
        x.values[at + c] = (x.values[at + c] ?? 0) + (pre.values[i] ?? 0) * (streams.values[i * d + c] ?? 0);
      }
    }
    return { x };
  },
  backward({ inputs: { streams, pre }, options: { streams: n } }, { x: dx }) {
    if (dx === undefined) return {};
    const d = widthOf(streams) / n;
    const dStreams = zeros(...streams.shape);
    const dPre = zeros(...pre.shape);
    for (let i = 0; i < pre.values.length; i++) {
      const at = Math.floor(i / n) * d;
      for (let c = 0; c < d; c++) {
        const g = dx.values[at + c] ?? 0;
        dStreams.values[i * d + c] = (pre.values[i] ?? 0) * g;
        dPre.values[i] = (dPre.values[i] ?? 0) + (streams.values[i * d + c] ?? 0) * g;
      }
    }
    return { streams: dStreams, pre: dPre };
  },
};
