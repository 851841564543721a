// Calling one of the package's own kernels on tensors of ggml: tensors with memory, and a run as all of its threads.

import { vi } from "vitest";
import type { Pointer } from "../../../src/ggml/library/bindings.js";
import { loadLibrary } from "../../../src/ggml/library/load-library.js";
import { TYPES } from "../../../src/ggml/library/types.js";

vi.stubEnv("ENGRAM_GGML_KERNELS", ""); // those of this package, whatever the environment says
const { bindings, koffi } = loadLibrary();

/** A tensor of ggml's with memory, filled with numbers around 0. */
export function tensor(
  context: Pointer,
  type: "f32" | "f16" | "i32",
  sides: readonly number[],
  value: (i: number) => number,
) {
  const [x = 1, y = 1, z = 1, w = 1] = sides;
  const pointer: Pointer = bindings.ggml_new_tensor_4d(context, TYPES[type].id, x, y, z, w);
  const bytes = koffi.view(bindings.ggml_get_data(pointer), TYPES[type].bytes * x * y * z * w) as ArrayBuffer;
  const arrays = { f32: Float32Array, f16: Uint16Array, i32: Int32Array };
  const values = new arrays[type](bytes);
  values.forEach((_, i) => {
    values[i] = value(i);
  });
  return { pointer, values };
}

/** Whole numbers from -8 to 7: their sums of products are exact in float32, in any order. */
export const noise = (seed: number) => (i: number) => (Math.imul(i + 1 + 7919 * seed, 0x9e3779b1) >>> 28) - 8;

/** Runs a kernel as all of its threads, one after the other. The values of its result. */
export function run(
  context: Pointer,
  kernel: Pointer,
  sides: readonly [number, number, number, number],
  sources: readonly Pointer[],
  threads: number,
  data = 0n,
): Float32Array {
  const result: Pointer = bindings.ggml_custom_4d(context, 0, ...sides, [...sources], sources.length, kernel, 1, 0n);
  const count = sides.reduce((product, side) => product * side, 1);
  const values = new Float32Array(koffi.view(bindings.ggml_get_data(result), 4 * count) as ArrayBuffer);
  values.fill(Number.NaN);
  const type = koffi.proto("void (void* result, int thread, int threads, void* data)");
  for (let thread = 0; thread < threads; thread++) koffi.call(kernel, type, result, thread, threads, data);
  return values;
}

/** Runs a check in a context of ggml that has memory. */
export function inContext(check: (context: Pointer) => void): void {
  const context: Pointer = bindings.ggml_init({ mem_size: 16 * 2 ** 20, mem_buffer: null, no_alloc: false });
  try {
    check(context);
  } finally {
    bindings.ggml_free(context);
  }
}
