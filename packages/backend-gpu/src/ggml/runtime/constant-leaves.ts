// Small leaves that are the same in all runs, kept on the device: rotary periods, ones. Found again by their values.

import { GgmlNode } from "../nodes/node.js";
import type { GgmlRuntime } from "./runtime.js";

/** The leaves of one runtime. */
export interface ConstantLeaves {
  get(values: Float32Array): GgmlNode;
}

/** None yet. */
export function constantLeaves(runtime: GgmlRuntime): ConstantLeaves {
  const leaves = new Map<string, GgmlNode>();
  return {
    get(values) {
      const key = values.join(" ");
      const known = leaves.get(key);
      if (known !== undefined) return known;
      const node = new GgmlNode("f32", [values.length, 1, 1, 1], { operation: "leaf" });
      node.handles = 1; // stays as long as the runtime
      leaves.set(key, runtime.place(node, values.slice(), "a constant"));
      return node;
    },
  };
}
