// Graphics processors read buffers from aligned offsets on. A view that begins elsewhere is copied before an operation whose
// shaders do not take a rest of an offset: ggml would end the process. So are factors of products that Vulkan reads wrongly.

import { GgmlNode } from "../nodes/node.js";

/** Operations whose shaders are told the rest of an offset. */
const TAKE_ANY = new Set([
  ...["add", "sub", "mul", "div", "sqr", "sqrt", "scale", "clamp"],
  ...["cont", "cast", "repeat", "repeatBack", "sumRows"],
]);

/** Puts copies before an operation, where sources begin at offsets that are no multiples of `alignment`. */
export function alignViews(node: GgmlNode, alignment: number): void {
  if (node.operation === "leaf" || TAKE_ANY.has(node.operation) || isView(node)) return;
  const product = node.operation === "mulMat" || node.operation === "mulMatId";
  const takes = (source: GgmlNode): boolean =>
    offsetOf(source) % alignment === 0 && !(product && source.type !== "i32" && hasGaps(source));
  if (node.sources.every(takes)) return;
  node.sources = node.sources.map((source, i) => {
    if (node.writes.includes(i) || takes(source)) return source;
    return new GgmlNode(source.type, source.sides, { operation: "cont", sources: [source] });
  });
}

/**
 * Matrices that are packed each by itself but do not follow each other at once: ggml's Vulkan takes them for packed as a
 * whole, and reads other values.
 */
function hasGaps({ sides, strides }: GgmlNode): boolean {
  const whole = strides[1] === strides[0] * sides[0];
  return whole && sides[2] > 1 && strides[2] !== strides[1] * sides[1];
}

function isView({ operation }: GgmlNode): boolean {
  return operation === "view" || operation === "reshape" || operation === "permute";
}

/** Bytes from a root's first value to a view's. */
function offsetOf(node: GgmlNode): number {
  let offset = 0;
  for (let at: GgmlNode | undefined = node; at !== undefined && at !== at.root; at = at.sources[0]) {
    if (at.operation === "view") offset += at.parameters.at(-1) ?? 0;
  }
  return offset;
}
