// Nodes with memory of their own on the device: leaves that stay, and results that are moved out of a program's memory.
// Not here: when (runtime.ts), and how a device's memory is cut up (device-memory.ts).

import type { Pointer } from "../library/bindings.js";
import type { Library } from "../library/load-library.js";
import { TYPES } from "../library/types.js";
import type { GgmlNode, Place } from "../nodes/node.js";
import type { DeviceMemory, Region } from "./device-memory.js";

/** The nodes of one runtime that have memory of their own. */
export interface OwnMemory {
  has(root: GgmlNode): boolean;
  /**
   * Gives a node memory, not cleared, which is its place from now on.
   * @throws EngramError `out-of-memory`; the node is as before.
   */
  settle(node: GgmlNode, what: string): Place;
  /** Moves values that lie in a program's memory. @throws as {@link settle}. */
  move(node: GgmlNode, from: Place): void;
  /** Frees a node's memory; does nothing where it has none. */
  free(root: GgmlNode): void;
  close(): void;
}

/** None yet. */
export function ownMemory({ bindings }: Library, memory: DeviceMemory): OwnMemory {
  const owned = new Map<GgmlNode, { readonly region: Region; readonly context: Pointer }>();
  const settle = (node: GgmlNode, what: string): Place => {
    const region = memory.allocate(node.bytes, what);
    const context: Pointer = bindings.ggml_init({
      mem_size: 2 * bindings.ggml_tensor_overhead(),
      mem_buffer: null,
      no_alloc: true,
    });
    const tensor: Pointer = bindings.ggml_new_tensor_4d(context, TYPES[node.type].id, ...node.sides);
    bindings.ggml_backend_tensor_alloc(region.buffer, tensor, region.address);
    const place = { buffer: region.buffer, address: region.address, tensor };
    node.place = place;
    owned.set(node, { region, context });
    return place;
  };
  const free = (root: GgmlNode): void => {
    const own = owned.get(root);
    if (own === undefined) return;
    owned.delete(root);
    root.place = undefined;
    memory.free(own.region);
    bindings.ggml_free(own.context);
  };
  return {
    has: (root) => owned.has(root),
    settle,
    move(node, from) {
      const to = settle(node, "a result");
      if (!node.empty) bindings.ggml_backend_tensor_copy(from.tensor, to.tensor);
    },
    free,
    close() {
      for (const root of [...owned.keys()]) free(root);
    },
  };
}
