// What a set of targets still needs: the nodes that are yet to be computed, and those that have their values and are read.

import type { GgmlNode } from "../nodes/node.js";

/** All nodes that lead to `targets`; not beyond those that have their values. */
export function neededNodes(targets: Iterable<GgmlNode>): ReadonlySet<GgmlNode> {
  const found = new Set<GgmlNode>();
  const open = [...targets];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    if (node.place === undefined) open.push(...node.sources);
  }
  return found;
}

/** Why a target cannot be computed: the failure of what it needs. Undefined where nothing of that failed. */
export function failureOf(target: GgmlNode): unknown {
  for (const node of neededNodes([target])) {
    if (node.failure !== undefined && node.place === undefined) return node.failure;
  }
  return undefined;
}
