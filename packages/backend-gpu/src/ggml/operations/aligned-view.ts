// Views that a graphics processor can bind. Vulkan binds memory at multiples of up to 256 bytes; some of ggml's kernels
// (products, attention, rows by number) end the process where a source begins elsewhere, so such views are copied. On the
// CPU all views are taken as they are.

import { GgmlNode } from "../nodes/node.js";
import { pack } from "../nodes/shape.js";
import type { EngineContext } from "./operation.js";

/** What every device takes. */
const BOUNDARY_BYTES = 256;

/** The node, or a packed copy of it where its device cannot bind what it shows. */
export function aligned(node: GgmlNode, { hostSeesResults: onHost }: EngineContext): GgmlNode {
  if (onHost || offsetOf(node) % BOUNDARY_BYTES === 0) return node;
  return new GgmlNode(node.type, node.sides, { operation: "cont", sources: [node] });
}

/**
 * The same for the first factor of a product: where its rows do not lie side by side, ggml's Vulkan turns it into half
 * precision (seen: errors of 1e-4), so that it is packed here.
 */
export function firstFactor(node: GgmlNode, engine: EngineContext): GgmlNode {
  if (engine.hostSeesResults) return node;
  return node.packed ? aligned(node, engine) : pack(node);
}

/** Bytes from the first value of the memory that a view shows to the first that it shows. */
function offsetOf(node: GgmlNode): number {
  let offset = 0;
  for (let shown: GgmlNode | undefined = node; shown !== undefined && shown.root !== shown; shown = shown.sources[0]) {
    if (shown.operation === "view") offset += shown.parameters[7] ?? 0;
  }
  return offset;
}
