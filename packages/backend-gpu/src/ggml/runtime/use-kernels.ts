// Which operations the package's own kernels compute on the CPU: products of float32 with enough rows on both sides,
// attention in float32, and rows times a number each. The kernels read any strides, so copies that only pack a transposed
// view fall away. What is left to ggml: products with few tokens, which read each weight once however they are computed,
// and weights and caches of smaller types.

import type { GgmlNode } from "../nodes/node.js";

/** Fewer rows than this, of weights or of tokens, and ggml's product is as fast. */
const LEAST_ROWS = 8;

/** Turns an operation into one of the kernels', where that is faster. */
export function useKernels(node: GgmlNode): void {
  const [a, b] = node.sources;
  if (a === undefined || b === undefined || a.type !== "f32" || b.type !== "f32" || node.empty) return;
  if (node.operation === "mulMat" && a.sides[1] >= LEAST_ROWS && b.sides[1] >= LEAST_ROWS) {
    node.operation = "product";
    node.sources = node.sources.map(unpacked);
  } else if (node.operation === "mulMatId" && node.sides[1] * node.sides[2] >= LEAST_ROWS) {
    node.operation = "experts";
    node.sources = [unpacked(a), ...node.sources.slice(1)];
  } else if (node.operation === "flashAttention" && node.sources[2]?.type === "f32") {
    const rows = node.sources.slice(0, 3).every(({ strides }) => strides[0] === 4);
    if (rows) node.operation = "attention";
  } else if (node.operation === "mul" && b.sides[0] === 1 && a.sides[0] >= LEAST_WIDTH && a.strides[0] === 4) {
    node.operation = "scaleRows";
  }
}

/** Rows shorter than this are left to ggml. */
const LEAST_WIDTH = 8;

/** What a copy was made of, where it only packs. */
function unpacked(node: GgmlNode): GgmlNode {
  const [source] = node.sources;
  const copies = node.operation === "cont" && node.place === undefined && node.handles === 0;
  return copies && source !== undefined && source.type === "f32" ? source : node;
}
