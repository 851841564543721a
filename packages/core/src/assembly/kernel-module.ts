// Compiles the committed kernels (*.wasm.ts). Each imports its memory, `env.memory`, and exists in two forms that differ in
// one byte: for a plain memory, and for one that threads share. Not here: instances and memories, which callers own.

/** A kernel as tools/build-kernels.mjs writes it. */
export interface KernelBinary {
  /** The module in its form for plain memory. */
  readonly base64: string;
  /** The byte of the memory's limits, 1; 3 makes the form for shared memory. */
  readonly sharedFlagAt: number;
}

const SHARED_WITH_MAXIMUM = 3;

/**
 * Compiles a kernel in one of its forms.
 * @throws WebAssembly.CompileError where the platform lacks SIMD, or threads for the shared form.
 */
export function compileKernel(kernel: KernelBinary, memory: "plain" | "shared"): WebAssembly.Module {
  const bytes = Uint8Array.from(atob(kernel.base64), (character) => character.charCodeAt(0));
  if (memory === "shared") bytes[kernel.sharedFlagAt] = SHARED_WITH_MAXIMUM;
  return new WebAssembly.Module(bytes);
}

/** Which form a memory takes. */
export function memoryForm(memory: WebAssembly.Memory): "plain" | "shared" {
  const { buffer } = memory as { readonly buffer: ArrayBufferLike };
  return typeof SharedArrayBuffer !== "undefined" && buffer instanceof SharedArrayBuffer ? "shared" : "plain";
}
