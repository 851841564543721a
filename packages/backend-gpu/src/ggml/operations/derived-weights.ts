// What operations compute of a weight alone, such as its transpose. One node a weight and kind: every flush that needs it
// computes it once, after which nothing of it is kept.

import type { GgmlNode } from "../nodes/node.js";

const derived = new WeakMap<GgmlNode, Map<string, GgmlNode>>();

/** The node of this name that `make` made of a weight. */
export function derivedWeight(weight: GgmlNode, name: string, make: () => GgmlNode): GgmlNode {
  const own = derived.get(weight) ?? new Map<string, GgmlNode>();
  derived.set(weight, own);
  const node = own.get(name) ?? make();
  own.set(name, node);
  return node;
}
