// Which pages of a table are taken to be in memory: those that this process has read. The system may have dropped them
// since; a gather then waits for the disk, is found slow, and what was known is forgotten. Never a matter of right or
// wrong rows, only of who waits. Pages not read yet are tried at once while trying has been quick, as where another
// process reads the same file, and are read on other threads otherwise.

import type { Block } from "./mapped-blocks.js";

/** The system's page; where it is larger, some pages are read for nothing. */
const PAGE_BYTES = 4096;
/** A page from the page cache takes 1 us at the first touch, one from a good disk 60 us and more. */
const QUICK_US_PER_PAGE = 15;
/** Of a whole gather or trial, so that a pause of the process is not taken for the disk. */
const PAUSE_US = 200;

/** What is known of a table's pages. Pages are numbered within a block, from the one on which it starts. */
export interface Residency {
  /** Whether pages not read before may be tried at once. */
  readonly trusting: boolean;
  /** The page of a byte of a block. */
  pageOf(block: number, byte: number): number;
  /** Whether a page is taken to be in memory; always for blocks that lie there. */
  has(block: number, page: number): boolean;
  /** A page has been read. */
  note(block: number, page: number): void;
  /** Where a page starts in the data file. */
  fileOffset(block: number, page: number): number;
  /** So many pages took so long: whether trying at once is worth while. */
  judge(pages: number, us: number): void;
  /** A gather of rows that should have been in memory took so long; forgets all where that was long twice in a row. */
  gathered(rows: number, us: number): void;
}

/** Nothing is known. */
export function residency(blocks: readonly Block[]): Residency {
  const bits = blocks.map(({ bytes, fileOffset }) =>
    fileOffset === undefined ? undefined : new Uint32Array(Math.ceil((bytes.length / PAGE_BYTES + 2) / 32)),
  );
  const starts = blocks.map(({ fileOffset = 0 }) => fileOffset - (fileOffset % PAGE_BYTES));
  const shifts = blocks.map(({ fileOffset = 0 }) => fileOffset % PAGE_BYTES);
  let trusting = false;
  let slow = 0;

  // Below, blocks and pages are those of rows in range, so the casts from `number | undefined` are sound.
  return {
    get trusting() {
      return trusting;
    },
    pageOf: (block, byte) => ((shifts[block] as number) + byte) >>> 12,
    has(block, page) {
      const known = bits[block];
      return known === undefined || (((known[page >>> 5] as number) >>> (page & 31)) & 1) === 1;
    },
    note(block, page) {
      const known = bits[block];
      if (known !== undefined) known[page >>> 5] = (known[page >>> 5] as number) | (1 << (page & 31));
    },
    fileOffset: (block, page) => (starts[block] as number) + page * PAGE_BYTES,
    judge(count, us) {
      trusting = us <= PAUSE_US + count * QUICK_US_PER_PAGE;
    },
    gathered(rows, us) {
      slow = us > PAUSE_US + rows * QUICK_US_PER_PAGE ? slow + 1 : 0;
      if (slow < 2) return;
      slow = 0;
      trusting = false;
      for (const known of bits) known?.fill(0);
    },
  };
}
