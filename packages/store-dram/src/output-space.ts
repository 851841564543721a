// Outputs that lie in the memory of the rows, so that kernels write to them straight: a copy less for callers that keep
// their outputs. They follow the first shard's rows, as far as a WebAssembly memory goes, and last as long as the store.

import { adviseHugePages } from "./huge-pages.js";

/** The outputs of one memory. */
export interface OutputSpace {
  /** Zero bytes, aligned to 64; a plain array where there is no memory or no room in it. */
  allocate(bytes: number): Uint8Array;
  /** Whether an array lies in an output that was allocated here. */
  holds(out: Uint8Array | Float32Array): boolean;
}

const PAGE_BYTES = 65_536;

/** No outputs yet. */
export function outputSpace(memory: WebAssembly.Memory | undefined, hugePages: boolean): OutputSpace {
  // Each growth gives the memory a new buffer object, which no other array is made on.
  const buffers: ArrayBufferLike[] = [];
  return {
    allocate(bytes) {
      if (memory === undefined || bytes === 0) return new Uint8Array(bytes);
      let pages: number;
      try {
        pages = memory.grow(Math.ceil(bytes / PAGE_BYTES));
      } catch {
        return new Uint8Array(bytes);
      }
      const output = new Uint8Array(memory.buffer, pages * PAGE_BYTES, bytes);
      buffers.push(output.buffer);
      if (hugePages) adviseHugePages(output);
      return output;
    },
    // the length first: without outputs nothing is asked of the array
    holds: (out) => buffers.length > 0 && buffers.includes(out.buffer),
  };
}
