// The rows of one table, as views of the mapped file, and copying out of them. Blocks never change once they are
// published, and the snapshot that they were found at keeps their pages, so a view is found once.
// A block that is too short for a view, or that a build of lmdb-js without views copies, is kept in memory.

import { EngramError } from "@engram-ts/core";
import { blocksOf, PAGE_HEADER_BYTES } from "./block-layout.js";
import { KIND, rowKey } from "./lmdb-keys.js";
import { isMapped, type Snapshot, type VolatileValue } from "./lmdb-snapshot.js";
import type { TableRecord } from "./table-records.js";

/** One block. */
export interface Block {
  readonly bytes: Uint8Array;
  /** The same as words, where rows are whole words. */
  readonly words: Uint32Array | undefined;
  /** Where the block starts in the data file; undefined where it is in memory. */
  readonly fileOffset: number | undefined;
}

/** All blocks of a table. */
export interface MappedBlocks {
  readonly blockRows: number;
  readonly blocks: readonly Block[];
  /** Bytes copied into memory. */
  readonly copiedBytes: number;
  /** Copies rows; the ids are in range, and `out` is `[rowIds.length, rowBytes]`. */
  gather(rowIds: Uint32Array, first: number, count: number, out: Uint8Array): void;
}

/** Rows whose first and last words are loaded before they are copied, so that the loads overlap (apps/bench lmdb: 29 us a gather, 22 with). */
const TOUCH_ROWS = 16;

/**
 * Finds a table's blocks.
 * @param options copyBytes: most bytes to hold in memory where blocks cannot be mapped. pageBytes: LMDB's page. fileBytes: the data file.
 * @throws EngramError `truncated` where a block is missing or of another size; `unsupported` where blocks cannot be mapped.
 */
export function mappedBlocks(
  snapshot: Snapshot,
  record: TableRecord,
  options: { readonly copyBytes: number; readonly pageBytes: number; readonly fileBytes: number },
): MappedBlocks {
  const { copyBytes, pageBytes, fileBytes } = options;
  const fileStart = fileStarts(pageBytes);
  const { table, id, blockRows, layer } = record;
  const { rows, rowBytes } = table;
  const count = blocksOf(rows, blockRows);
  const blocks: Block[] = [];
  const whole = rowBytes % 4 === 0;
  let copiedBytes = 0;
  for (let index = 0; index < count; index++) {
    const expected = Math.min(blockRows, rows - index * blockRows) * rowBytes;
    const value = snapshot.peek(rowKey(KIND.block, id, index));
    const found = value?.length; // of what was read, also where lmdb-js hands out its longer buffer
    if (value === undefined || found !== expected) {
      throw damagedBlock(record, index, `has ${found ?? "no"} bytes, and ${expected} belong there`);
    }
    if (isMapped(value)) {
      const fileOffset = fileStart(value) + value.byteOffset;
      if (fileOffset + expected > fileBytes)
        throw damagedBlock(record, index, `lies at ${fileOffset}, beyond the file's end`);
      blocks.push({
        bytes: value,
        words: whole ? new Uint32Array(value.buffer, value.byteOffset, expected / 4) : undefined,
        fileOffset,
      });
      continue;
    }
    copiedBytes += expected;
    if (copiedBytes > copyBytes) throw cannotMap(layer, rows * rowBytes, copyBytes);
    const bytes = new Uint8Array(value.subarray(0, expected));
    blocks.push({
      bytes,
      words: whole ? new Uint32Array(bytes.buffer, 0, expected / 4) : undefined,
      fileOffset: undefined,
    });
  }
  const blockAt = (index: number): Block => blocks[index] as Block; // ids are in range

  const gatherWords = (rowIds: Uint32Array, first: number, length: number, out: Uint32Array): void => {
    const rowWords = rowBytes / 4;
    let to = 0;
    for (let start = 0; start < length; start += TOUCH_ROWS) {
      const end = Math.min(length, start + TOUCH_ROWS);
      out[to] = touch(rowIds, first + start, first + end, rowWords); // so that the loads are kept; the row comes over it
      for (let i = start; i < end; i++) {
        const row = rowIds[first + i] as number; // i < length
        const index = Math.floor(row / blockRows);
        const words = blockAt(index).words as Uint32Array; // rows are whole words
        let from = (row - index * blockRows) * rowWords;
        for (const stop = from + rowWords; from < stop; from++, to++) out[to] = words[from] as number; // within the block
      }
    }
  };
  const touch = (rowIds: Uint32Array, start: number, end: number, rowWords: number): number => {
    let sum = 0;
    for (let i = start; i < end; i++) {
      const row = rowIds[i] as number; // i < length
      const index = Math.floor(row / blockRows);
      const words = blockAt(index).words as Uint32Array; // rows are whole words
      const from = (row - index * blockRows) * rowWords;
      sum += (words[from] as number) ^ (words[from + rowWords - 1] as number);
    }
    return sum;
  };

  return {
    blockRows,
    blocks,
    copiedBytes,
    gather(rowIds, first, length, out) {
      if (whole && out.byteOffset % 4 === 0 && rowBytes <= 1024) {
        gatherWords(rowIds, first, length, new Uint32Array(out.buffer, out.byteOffset, (length * rowBytes) / 4));
        return;
      }
      for (let i = 0; i < length; i++) {
        const row = rowIds[first + i] as number; // i < length
        const index = Math.floor(row / blockRows);
        const from = (row - index * blockRows) * rowBytes;
        out.set(blockAt(index).bytes.subarray(from, from + rowBytes), i * rowBytes);
      }
    },
  };
}

/**
 * Finds where the buffers that lmdb-js cuts the map into start in the file: LMDB writes a page's number at its start, and
 * a value with pages of its own lies behind the first one's header. One page is read for each buffer of 4 GiB.
 */
function fileStarts(pageBytes: number): (value: VolatileValue) => number {
  const starts = new Map<ArrayBufferLike, number>();
  return (value) => {
    const known = starts.get(value.buffer);
    if (known !== undefined) return known;
    const at = value.byteOffset - PAGE_HEADER_BYTES;
    const header = new DataView(value.buffer, at, PAGE_HEADER_BYTES);
    const page = header.getUint32(0, true) + header.getUint32(4, true) * 2 ** 32;
    const start = page * pageBytes - at;
    starts.set(value.buffer, start);
    return start;
  };
}

function damagedBlock({ layer }: TableRecord, block: number, fault: string): EngramError {
  return new EngramError({
    code: "truncated",
    operation: "lmdbStore",
    message: `block ${block} of layer ${layer} ${fault}; the environment is damaged, write it anew`,
    context: { layer, block },
  });
}

function cannotMap(layer: number, bytes: number, copyBytes: number): EngramError {
  return new EngramError({
    code: "unsupported",
    operation: "lmdbStore",
    message: `this build of lmdb cannot map values (it can on Node 20 and 22), and layer ${layer} has ${bytes} bytes, more than the ${copyBytes} that may be copied into memory; use one of those releases, or raise options.copyBytes`,
    context: { layer, bytes, copyBytes },
  });
}
