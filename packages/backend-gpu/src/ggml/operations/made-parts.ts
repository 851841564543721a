// What forwards made on their way, for their backward twins: nodes, not values. Where both run in one graph nothing is then
// computed twice; where they do not, the same nodes are computed anew from the inputs, and nothing was kept in between. A
// long sequence's attention weights are never among them: the backward twin computes those part by part.

import type { GgmlNode } from "../nodes/node.js";

/** Parts by the output that they led to. */
export interface MadeParts<P extends object> {
  keep(output: GgmlNode, parts: P, nodes: readonly GgmlNode[]): void;
  /** The parts, if they still can be computed. */
  find(output: GgmlNode): P | undefined;
}

/** None yet. */
export function madeParts<P extends object>(): MadeParts<P> {
  const made = new WeakMap<GgmlNode, { readonly parts: P; readonly nodes: readonly GgmlNode[] }>();
  return {
    keep: (output, parts, nodes) => made.set(output, { parts, nodes }),
    find(output) {
      const found = made.get(output);
      return found !== undefined && computable(found.nodes) ? found.parts : undefined;
    },
  };
}

/** A node whose values were there for a while, and that nothing held, has lost what it was computed from. */
function computable(nodes: readonly GgmlNode[]): boolean {
  const seen = new Set<GgmlNode>();
  const open = [...nodes];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (seen.has(node) || node.operation === "leaf") continue;
    seen.add(node);
    const { place, sources, root } = node;
    if (place === undefined ? sources.length === 0 : root.handles === 0) return false;
    if (place === undefined) open.push(...sources);
  }
  return true;
}
