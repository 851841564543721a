// Graphics processors read buffers from aligned offsets on. A view that begins elsewhere is copied before an operation whose
// shaders do not take a rest of an offset: ggml would end the process.

import { GgmlNode } from "../nodes/node.js";

/** Operations whose shaders are told the rest of an offset. */
const TAKE_ANY = new Set([
  ...["add", "sub", "mul", "div", "sqr", "sqrt", "scale", "clamp"],
  ...["cont", "cast", "repeat", "repeatBack", "sumRows"],
]);

/** Puts copies before an operation, where sources begin at offsets that are no multiples of `alignment`. */
export function alignViews(node: GgmlNode, alignment: number): void {
  if (node.operation === "leaf" || TAKE_ANY.has(node.operation) || isView(node)) return;
  if (!node.sources.some((source) => offsetOf(source) % alignment !== 0)) return;
  node.sources = node.sources.map((source, i) => {
    if (node.writes.includes(i) || offsetOf(source) % alignment === 0) return source;
    return new GgmlNode(source.type, source.sides, { operation: "cont", sources: [source] });
  });
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
