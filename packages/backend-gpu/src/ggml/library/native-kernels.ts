// The package's own kernels for the CPU device (native/kernels.c): products of float32 that run as operations of ggml's
// threads. They are there for Linux on x64 with AVX2; elsewhere, and where ENGRAM_GGML_KERNELS is 0, ggml's own products
// run, slower and as exact. Any other value of that is the path of a library.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type * as Koffi from "koffi";
import type { Pointer } from "./bindings.js";

/** Addresses of the kernels. */
export interface NativeKernels {
  readonly product: Pointer;
  readonly experts: Pointer;
  readonly expertGradients: Pointer;
  readonly attention: Pointer;
  readonly scaleRows: Pointer;
  /** Keeps the library loaded. */
  readonly handle: Koffi.LibraryHandle;
}

/** The kernels, where this machine can run them. */
export function loadNativeKernels(koffi: typeof Koffi): NativeKernels | undefined {
  const { ENGRAM_GGML_KERNELS: named = "" } = process.env;
  if (process.platform !== "linux" || process.arch !== "x64" || named === "0") return undefined;
  const file = named === "" ? BUILT : named;
  if (!existsSync(file)) return undefined;
  try {
    const handle = koffi.load(file);
    if (handle.func("int engram_kernels_supported()")() !== 1) return undefined;
    const address = (name: string): Pointer => handle.symbol(name, "void*") as Pointer;
    return {
      product: address("engram_product"),
      experts: address("engram_experts"),
      expertGradients: address("engram_expert_gradients"),
      attention: address("engram_attention"),
      scaleRows: address("engram_scale_rows"),
      handle,
    };
  } catch {
    return undefined; // another C library than it was linked with
  }
}

/** Beside `src` and `dist` alike. */
const BUILT = fileURLToPath(new URL("../../../native/linux-x64/engram-kernels.so", import.meta.url));
