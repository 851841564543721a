// Outputs that lie in the memory of the rows, so that kernels write to them straight: a copy less for callers that keep
// their outputs. They follow the first shard's rows, as far as a WebAssembly memory goes, and last as long as the store.

import { adviseHugePages } from "./huge-pages.js";

/** The outputs of one memory. */
export interface OutputSpace {
  /**
   * Zero bytes, aligned to 64; a plain array where there is no memory or no room in it. The first one grows the memory
   * once and for all, which takes the buffer from under every view of a memory that is not shared.
   */
  allocate(bytes: number): Uint8Array;
  /** Whether an array lies in an output that was allocated here. */
  holds(out: Uint8Array | Float32Array): boolean;
}

const PAGE_BYTES = 65_536;
/** Room for outputs. It takes address space alone until it is written to. */
const ROOM_PAGES = 2 ** 30 / PAGE_BYTES;

/** No outputs yet. */
export function outputSpace(memory: WebAssembly.Memory | undefined, hugePages: boolean): OutputSpace {
  // Outputs are all there is on the buffer that the memory has once it has grown.
  let buffer: ArrayBufferLike | undefined;
  let nextPage = 0;
  let endPage = 0;
  return {
    allocate(bytes) {
      if (memory === undefined || bytes === 0) return new Uint8Array(bytes);
      const pages = Math.ceil(bytes / PAGE_BYTES);
      if (buffer === undefined) {
        const room = growMemory(memory, pages);
        if (room === undefined) return new Uint8Array(bytes);
        nextPage = room.firstPage;
        endPage = nextPage + room.pages;
        buffer = memory.buffer;
      }
      if (nextPage + pages > endPage) return new Uint8Array(bytes);
      const output = new Uint8Array(buffer, nextPage * PAGE_BYTES, bytes);
      nextPage += pages;
      if (hugePages) adviseHugePages(output);
      return output;
    },
    // the buffer first: without outputs nothing is asked of the array
    holds: (out) => buffer !== undefined && out.buffer === buffer,
  };
}

/** Grows by the room for outputs, or by less where that is refused, but by `least` pages; undefined where those are too. */
function growMemory(memory: WebAssembly.Memory, least: number): { firstPage: number; pages: number } | undefined {
  for (let pages = Math.max(least, ROOM_PAGES); ; pages = Math.max(least, pages >>> 1)) {
    try {
      return { firstPage: memory.grow(pages), pages };
    } catch {
      if (pages === least) return undefined;
    }
  }
}
