// How rows lie in blocks. A block is one LMDB value of a little over 16 MiB: from there on lmdb-js gives a view of the
// mapped file in place of a copy (docs/decisions/0008-lmdb-layout.md). The rows of a block follow one another without
// gaps; only the last block of a table may be shorter.

/** Values longer than this are given as views by lmdb-js; shorter ones are copied into its buffer, which is as long. */
const COPIED_BYTES = 2 ** 24;
const PAGE_BYTES = 4096;
/** What LMDB puts before a value that has pages of its own. */
export const PAGE_HEADER_BYTES = 24;

/** Rows of a full block: as few as make a view, then as many as fill its last page. */
export function rowsPerBlock(rowBytes: number): number {
  const least = Math.floor(COPIED_BYTES / rowBytes) + 1;
  const pages = Math.ceil((least * rowBytes + PAGE_HEADER_BYTES) / PAGE_BYTES);
  return Math.floor((pages * PAGE_BYTES - PAGE_HEADER_BYTES) / rowBytes);
}

/** Blocks of a table. */
export function blocksOf(rows: number, blockRows: number): number {
  return Math.ceil(rows / blockRows);
}
