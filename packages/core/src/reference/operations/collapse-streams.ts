// collapseStreams: the residual streams become one, their mean or the first alone. [N, n * d] -> [N, d].

import type { BackendOperation } from "../../model/backend-operations.js";
import { invalidShape, type ReferenceTensor, rowsOf, tensor, widthOf, zeros } from "../tensor.js";
import { sumStreams } from "./expand-streams.js";

export const collapseStreams: BackendOperation<ReferenceTensor, "collapseStreams"> = {
  forward({ x }, { streams, take }) {
    const d = widthOf(x) / streams;
    if (!Number.isInteger(d)) throw invalidShape("collapseStreams", "x", x, `[N, ${streams} * d]`);
    const weighted = x.values.map((value, i) => value * shareOf(Math.floor(i / d) % streams, streams, take));
    return { y: tensor(sumStreams(weighted, streams, d), rowsOf(x), d) };
  },
  backward({ inputs: { x }, options: { streams, take } }, { y: dy }) {
    if (dy === undefined) return {};
    const d = widthOf(dy);
    const dx = zeros(...x.shape);
    dx.values.forEach((_, i) => {
      const g = dy.values[Math.floor(i / (streams * d)) * d + (i % d)] ?? 0;
      dx.values[i] = g * shareOf(Math.floor(i / d) % streams, streams, take);
    });
    return { x: dx };
  },
};

function shareOf(stream: number, streams: number, take: "mean" | "first"): number {
  if (take === "mean") return 1 / streams;
  return stream === 0 ? 1 : 0;
}
