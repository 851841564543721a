// A tier that may hold some rows of a table, and can be filled: what `tiered` puts in front of a store. Types only.
// It is no RowStore, since it may say "not here" for any row; and it makes no promise to keep a row that was filled.

import type { TableInfo } from "../rows/table.js";

/** Counters since the cache was opened. */
export interface RowCacheStats {
  /** Rows looked for, and found. */
  readonly lookups: number;
  readonly found: number;
  /** Rows given to `fill` and written. */
  readonly filled: number;
  /** Rows held, where the cache counts them. */
  readonly rows?: number;
  /** Rows that were here and refused as damaged. */
  readonly damaged?: number;
}

/** Some rows of one table. */
export interface RowCache {
  /** The tier's name in statistics: `memory`, `lmdb`. */
  readonly name: string;
  readonly table: TableInfo;
  /**
   * Copies the rows that are here. The arrays go from tier to tier, so that what one does not have the next one adds:
   * row `rowIds[i]` is looked for where `found[i]` is 0; where it is here, it is written to bytes
   * `[i * rowBytes, (i + 1) * rowBytes)` of `out` and `found[i]` becomes 1; nothing else is written.
   *
   * The answer is a number where the rows are near, since a promise costs more than 48 rows in memory, and a promise
   * where looking would block (cold pages) or the batch is large. The arrays are the cache's to use until then, not after.
   * @param rowIds rows of the table, in range; duplicates allowed.
   * @param out `[rowIds.length, rowBytes]`.
   * @param found one byte a row.
   * @returns how many rows were added.
   * @throws EngramError where looking fails (or rejects with it); `out` and `found` are then not looked at. A damaged row
   * is not found, and counted.
   */
  lookup(rowIds: Uint32Array, out: Uint8Array, found: Uint8Array): number | Promise<number>;
  /**
   * Keeps rows if there is room; others may go for them. The arrays stay unchanged until the promise settles.
   * @param rowIds rows of the table, in range, each once.
   * @param rows `[rowIds.length, rowBytes]`.
   */
  fill(rowIds: Uint32Array, rows: Uint8Array): void | Promise<void>;
  stats(): RowCacheStats;
  /** Frees what the cache holds in this process. Closing twice does nothing. */
  close(): Promise<void>;
}
