// Nodes without values are never given to a device: not all of them like that. What is computed from nothing is known:
// sums and products are zeros, a concatenation is its other part, and writing nothing changes nothing.

import type { GgmlNode } from "../nodes/node.js";

/** Changes a node that has values but is computed from one without. */
export function leaveOutEmpty(node: GgmlNode): void {
  if (node.empty || !node.sources.some((source) => source.empty)) return;
  const [first] = node.sources;
  if (node.operation === "concat") {
    node.operation = "cont";
    node.sources = node.sources.filter((source) => !source.empty);
  } else if (node.root !== node && first !== undefined) {
    node.operation = "view"; // of what nothing is written into
    node.sources = [first];
    node.parameters = [...node.sides, ...node.strides.slice(1), 0];
  } else {
    node.operation = "leaf";
    node.sources = [];
    node.host = new Uint8Array(node.bytes);
  }
}
