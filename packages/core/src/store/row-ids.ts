// The checks that every store makes on what its caller passes to prefetch and put.

import { EngramError } from "../errors.js";
import type { TableInfo } from "../rows/table.js";
import type { PrefetchOptions } from "./row-store.js";

/**
 * Checks row ids against the table and the largest batch.
 * @throws EngramError `invalid-argument`, `batch-too-large`, `row-out-of-range` (naming the first bad row and its place).
 */
export function checkRowIds(rowIds: Uint32Array, table: TableInfo, maxBatch: number, operation: string): void {
  checkRowIdBatch(rowIds, maxBatch, operation);
  const rows = table.rows;
  let greatest = 0;
  for (let i = 0; i < rowIds.length; i++) {
    const row = rowIds[i] as number; // i < length
    if (row > greatest) greatest = row;
  }
  if (greatest >= rows) throw rowOutOfRange(rowIds, rows, operation);
}

/** The checks of {@link checkRowIds} that do not look at each id, for stores that range-check in a pass of their own. */
export function checkRowIdBatch(rowIds: Uint32Array, maxBatch: number, operation: string): void {
  if (!(rowIds instanceof Uint32Array)) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: "rowIds must be a Uint32Array; use Uint32Array.from(ids)",
    });
  }
  if (rowIds.length > maxBatch) {
    throw new EngramError({
      code: "batch-too-large",
      operation,
      message: `${rowIds.length} row ids, and this store takes at most ${maxBatch} at once; split the batch`,
      context: { length: rowIds.length, maxBatch },
    });
  }
}

/** The error for ids of which at least one is not below `rows`; names the first. */
export function rowOutOfRange(rowIds: Uint32Array, rows: number, operation: string): EngramError {
  const index = rowIds.findIndex((row) => row >= rows);
  const row = rowIds[index];
  return new EngramError({
    code: "row-out-of-range",
    operation,
    message: `row id ${row} at index ${index} is not in the table of ${rows} rows; is the addressing that of this table?`,
    context: { row, index, rows },
  });
}

/**
 * Checks encoded rows that come with row ids.
 * @param rows must be `count * rowBytes` bytes.
 * @throws EngramError `output-length`.
 */
export function checkRowBytes(rows: Uint8Array, count: number, table: TableInfo, operation: string): void {
  const expected = count * table.rowBytes;
  if (rows instanceof Uint8Array && rows.length === expected) return;
  const found = rows instanceof Uint8Array ? `${rows.length} bytes` : typeof rows;
  throw new EngramError({
    code: "output-length",
    operation,
    message: `rows is ${found}, and these ids need a Uint8Array of exactly ${expected} bytes`,
    context: { expected },
  });
}

/** @throws EngramError `invalid-argument` where a field is not of its type or range. */
export function checkPrefetchOptions(options: PrefetchOptions | undefined, operation: string): void {
  if (options === undefined) return;
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-argument", operation, message });
  };
  const { signal, deadlineMs, priority, onMiss } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) refuse("options.signal must be an AbortSignal");
  if (deadlineMs !== undefined && !(typeof deadlineMs === "number" && deadlineMs >= 0 && deadlineMs <= 2 ** 31 - 1)) {
    refuse(`options.deadlineMs is ${String(deadlineMs)}; use milliseconds from now, 0 to ${2 ** 31 - 1}`);
  }
  if (priority !== undefined && !Number.isFinite(priority))
    refuse(`options.priority is ${String(priority)}; use a number`);
  if (onMiss !== undefined && onMiss !== "wait" && onMiss !== "zero") {
    refuse(`options.onMiss is ${JSON.stringify(onMiss)}; use "wait" or "zero"`);
  }
  if (onMiss === "zero" && deadlineMs === undefined) refuse('options.onMiss "zero" needs options.deadlineMs');
}
