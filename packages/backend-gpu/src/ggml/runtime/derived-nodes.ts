// What operations compute of a weight alone, such as its transpose: computed once, then kept on the device as long as the
// weight lives and nothing is written to it. Worth it where every decode step would compute it again (measured, two cores:
// 5 ms a block for the turned content of 16 latent heads, beside 2 ms of attention).

import type { GgmlNode } from "../nodes/node.js";
import type { GgmlRuntime } from "./runtime.js";

/** The nodes of one runtime. */
export interface DerivedNodes {
  /** The node of this name that `make` makes of a weight. */
  of(weight: GgmlNode, name: string, make: () => GgmlNode): GgmlNode;
  /** Forgets all that was computed of a weight. */
  drop(weight: GgmlNode): void;
}

/** None yet. */
export function derivedNodes(runtime: GgmlRuntime): DerivedNodes {
  const kept = new Map<GgmlNode, Map<string, GgmlNode>>();
  const drop = ({ root }: GgmlNode): void => {
    for (const node of kept.get(root)?.values() ?? []) runtime.release(node);
    kept.delete(root);
  };
  return {
    of(weight, name, make) {
      const { root } = weight;
      if (!runtime.owns(root)) return make(); // no weight that stays
      const known = kept.get(root)?.get(name);
      if (known !== undefined && known.root.failure === undefined) return known;
      if (known !== undefined) drop(root);
      const node = make();
      runtime.hold(node);
      kept.set(root, (kept.get(root) ?? new Map<string, GgmlNode>()).set(name, node));
      return node;
    },
    drop,
  };
}
