// Which pages of a table are taken to be in memory: those that this process has read. The system may have dropped them
// since; a gather then waits for the disk, is found slow, and what was known is forgotten. Never a matter of right or
// wrong rows, only of who waits. Pages not read yet are tried at once while trying has been quick, as where another
// process reads the same file, and are read on other threads otherwise.

import type { Block } from "./mapped-blocks.js";

const PAGE_BYTES = 4096;
/** A page from the page cache takes 1 us at the first touch, one from a good disk 60 us and more. */
const QUICK_US_PER_PAGE = 15;
/** Of a whole gather or trial, so that a pause of the process is not taken for the disk. */
const PAUSE_US = 200;

/** What is known of a table's pages. */
export interface Residency {
  /** Whether pages not read before may be tried at once. */
  readonly trusting: boolean;
  /** Whether all bytes of a row are taken to be in memory. */
  has(block: number, from: number, to: number): boolean;
  /** The bytes of a row have been read. */
  note(block: number, from: number, to: number): void;
  /** Reads took so long: whether trying at once is worth while. */
  judge(pages: number, us: number): void;
  /** A gather of rows that should have been in memory took so long; forgets all where that was long twice in a row. */
  gathered(rows: number, us: number): void;
}

/** Nothing is known. Blocks that lie in memory need no knowing. */
export function residency(blocks: readonly Block[]): Residency {
  const pages = blocks.map(({ bytes, fileOffset }) =>
    fileOffset === undefined ? undefined : new Uint32Array(Math.ceil((bytes.length / PAGE_BYTES + 2) / 32)),
  );
  let trusting = false;
  let slow = 0;
  // pages are counted from the one on which the block starts
  const shift = blocks.map(({ fileOffset = 0 }) => fileOffset % PAGE_BYTES);

  return {
    get trusting() {
      return trusting;
    },
    has(block, from, to) {
      const known = pages[block];
      if (known === undefined) return true;
      const base = shift[block] as number; // one for each block
      const last = (base + to - 1) >>> 12;
      for (let page = (base + from) >>> 12; page <= last; page++) {
        if ((((known[page >>> 5] as number) >>> (page & 31)) & 1) === 0) return false; // within the block
      }
      return true;
    },
    note(block, from, to) {
      const known = pages[block];
      if (known === undefined) return;
      const base = shift[block] as number; // one for each block
      const last = (base + to - 1) >>> 12;
      for (let page = (base + from) >>> 12; page <= last; page++) {
        known[page >>> 5] = (known[page >>> 5] as number) | (1 << (page & 31)); // as above
      }
    },
    judge(count, us) {
      trusting = us <= PAUSE_US + count * QUICK_US_PER_PAGE;
    },
    gathered(rows, us) {
      slow = us > PAUSE_US + rows * QUICK_US_PER_PAGE ? slow + 1 : 0;
      if (slow < 2) return;
      slow = 0;
      trusting = false;
      for (const known of pages) known?.fill(0);
    },
  };
}
