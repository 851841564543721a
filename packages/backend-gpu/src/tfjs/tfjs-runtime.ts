// What the operations run on: the functions of tfjs, and what differs between its backends. The operations are one
// composition for all of them; the differences are in matrix-product.ts and expert-plan.ts alone.

import type { TfjsArray, TfjsLibrary } from "./tfjs-library.js";

/** Names of the backends. */
export type TfjsBackendName = "tensorflow" | "webgpu" | "wasm" | "cpu";

/** The names of the backends. */
export const TFJS_BACKENDS = ["tensorflow", "webgpu", "wasm", "cpu"] as const;

/** What operations run on. */
export interface TfjsRuntime {
  readonly tf: TfjsLibrary;
  /**
   * How products of matrices are computed. `direct`: by tfjs's own. `plain`: as products of two matrices that lie as they
   * are multiplied, which alone are fast on wasm (30 GFLOP/s against 1 for transposed or batched ones).
   */
  readonly products: "direct" | "plain";
  /** Whether values can be read back at once, without waiting for a queue: so a mixture's routes are planned on the host. */
  readonly readsAtOnce: boolean;
  /** Most bytes that a tensor made for a while should take: longer work is cut into parts. */
  readonly workBytes: number;
}

/**
 * Integers or truths as float32. On webgpu tfjs's cast alone leaves them integers under another name, which some kernels
 * then take for what they are called.
 */
export function floats({ tf }: TfjsRuntime, x: TfjsArray): TfjsArray {
  return tf.mul(tf.cast(x, "float32"), 1);
}

/** 1 at each index, 0 elsewhere, in float32; wasm's own one-hot rows of float32 hold the integer's bits. */
export function oneHot(runtime: TfjsRuntime, indices: TfjsArray, depth: number): TfjsArray {
  return floats(runtime, runtime.tf.oneHot(indices, depth));
}
