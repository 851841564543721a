// Brings the pages of a batch into memory before its rows are gathered: those that were not read before, each once,
// however many rows of the batch lie on it. Tries them here while that is quick, and reads them on other threads otherwise.

import type { TableInfo } from "@engram-ts/core";
import type { MappedBlocks } from "./mapped-blocks.js";
import { pageRuns } from "./page-runs.js";
import type { Residency } from "./residency.js";
import type { WarmJob, WarmReads } from "./warm-reads.js";

/** Pages tried between two looks at the clock; a disk of 100 us a page holds the thread for under a millisecond. */
const TRIED_PAGES = 8;

/** Starts the reading for a batch, whose ids are in range; undefined where all of its rows are in memory. */
export type WarmRows = (rowIds: Uint32Array, priority: number) => WarmJob | undefined;

/** What the rows of one table are warmed with. */
export interface WarmingParts {
  readonly table: TableInfo;
  readonly blocks: MappedBlocks;
  readonly residency: Residency;
  readonly reads: WarmReads;
}

export function rowWarming({ table, blocks, residency, reads }: WarmingParts): WarmRows {
  const { rowBytes } = table;
  const { blockRows } = blocks;
  let tried = 0;
  let triedAt = 0;
  let sum = 0;

  const judgeTried = (): void => {
    if (tried === 0) return;
    residency.judge(tried, (performance.now() - triedAt) * 1_000);
    tried = 0;
  };
  /** Touches a byte of a row on a page that may or may not be in memory. */
  const touch = (block: number, page: number, byte: number): void => {
    if (tried === 0) triedAt = performance.now();
    sum = (sum + (blocks.blocks[block]?.bytes[byte] ?? 0)) | 0;
    residency.note(block, page);
    if (++tried === TRIED_PAGES) judgeTried();
  };

  return (rowIds, priority) => {
    let offsets: number[] | undefined; // of pages to be read, in the data file
    let queued: Set<number> | undefined;
    const pages: number[] = []; // block and page of each
    for (let i = 0; i < rowIds.length; i++) {
      const row = rowIds[i] as number; // i < length
      const block = Math.floor(row / blockRows);
      const from = (row - block * blockRows) * rowBytes;
      const last = residency.pageOf(block, from + rowBytes - 1);
      for (let page = residency.pageOf(block, from); page <= last; page++) {
        if (residency.has(block, page)) continue;
        if (residency.trusting) {
          touch(block, page, page === last ? from + rowBytes - 1 : from);
          continue;
        }
        offsets ??= [];
        queued ??= new Set();
        const offset = residency.fileOffset(block, page);
        if (queued.has(offset)) continue;
        queued.add(offset);
        offsets.push(offset);
        pages.push(block, page);
      }
    }
    judgeTried();
    if (offsets === undefined) return undefined;
    const start = performance.now();
    const count = offsets.length;
    const runs = pageRuns(offsets);
    let left = runs.offsets.length;
    const onRead = (run: number): void => {
      for (let i = runs.starts[run] as number; i < (runs.starts[run + 1] as number); i++) {
        const at = 2 * (runs.order[i] as number); // the casts: a start for each run and one more, two entries for each page
        residency.note(pages[at] as number, pages[at + 1] as number);
      }
      left--;
      if (left === 0) residency.judge(count, (performance.now() - start) * 1_000);
    };
    return reads.start({ offsets: runs.offsets, lengths: runs.lengths, priority, onRead });
  };
}
