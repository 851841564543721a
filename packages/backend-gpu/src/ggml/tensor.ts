// The engine's tensor: a handle on a node, with the sides that core knows it by. Opaque to all others.

import type { GgmlNode } from "./nodes/node.js";
import type { CacheSlot } from "./runtime/cache-slabs.js";

/** A tensor of the engine ggml. */
export interface GgmlTensor {
  /** Sides in core's order: the last one lies close together. */
  readonly shape: readonly number[];
}

/** What the engine knows of its tensors. */
export interface TensorFacts extends GgmlTensor {
  node: GgmlNode;
  /** False once it was disposed of. */
  alive: boolean;
  /** Where a sequence's cache lies; caches have no other values. */
  readonly cache?: CacheSlot;
}
