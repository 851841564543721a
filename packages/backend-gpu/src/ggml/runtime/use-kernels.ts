// Which products the package's own kernels compute on the CPU: those of float32 with enough rows on both sides. The kernels
// read any strides, so copies that only pack a transposed view fall away. What is left to ggml: products with few tokens,
// which read each weight once however they are computed, and weights of smaller types.

import type { GgmlNode } from "../nodes/node.js";

/** Fewer rows than this, of weights or of tokens, and ggml's product is as fast. */
const LEAST_ROWS = 8;

/** Turns a product into one of the kernels', where that is faster. */
export function useKernels(node: GgmlNode): void {
  const [a, b] = node.sources;
  if (a === undefined || b === undefined || a.type !== "f32" || b.type !== "f32" || node.empty) return;
  if (node.operation === "mulMat" && a.sides[1] >= LEAST_ROWS && b.sides[1] >= LEAST_ROWS) {
    node.operation = "product";
    node.sources = node.sources.map(unpacked);
  } else if (node.operation === "mulMatId" && node.sides[1] * node.sides[2] >= LEAST_ROWS) {
    node.operation = "experts";
    node.sources = [unpacked(a), ...node.sources.slice(1)];
  }
}

/** What a copy was made of, where it only packs. */
function unpacked(node: GgmlNode): GgmlNode {
  const [source] = node.sources;
  const copies = node.operation === "cont" && node.place === undefined && node.handles === 0;
  return copies && source !== undefined && source.type === "f32" ? source : node;
}
