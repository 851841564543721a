// Large matrices turned over. ggml's CPU copies a transposed view value by value, one cache line each; in two steps, first
// strips of neighbouring columns, then each strip, it takes about half the time from 512 rows on (measured: 8.8 to 3.5 ns a
// value at 1,024 rows, one thread). Graphics processors have a kernel for it, and the kernels of this package read transposed
// views where they lie: a plain copy falls away before their products (runtime/use-kernels.ts), one in two steps would not.

import type { GgmlNode } from "../nodes/node.js";
import { pack, packedTranspose, permute, reshape } from "../nodes/shape.js";
import type { EngineContext } from "./operation.js";

/** Columns of a strip: two cache lines. */
const STRIP = 32;
/** Below, the plain copy is as fast. */
const LEAST_ROWS = 64;

/** The first two dimensions of packed values changed with each other, packed. */
export function turnedOver(a: GgmlNode, { hostSeesResults: onHost, kernels }: EngineContext): GgmlNode {
  const [x, y, z, w] = a.sides;
  if (!onHost || kernels || a.type !== "f32" || !a.packed || x % STRIP !== 0 || x === STRIP || y < LEAST_ROWS)
    return packedTranspose(a);
  const strips = pack(permute(reshape(a, STRIP, x / STRIP, y, z * w), 0, 2, 1, 3)); // [strip, y, x / strip, z w]
  return reshape(pack(permute(strips, 1, 0, 2, 3)), y, x, z, w);
}
