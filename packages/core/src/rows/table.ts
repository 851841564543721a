// What a table is to those who read it: how many rows, and how each is written.

import { EngramError } from "../errors.js";
import { checkRowEncoding, encodedRowBytes, type RowEncoding } from "./encoding.js";

/** One table of rows: all heads of one module, one after the other. */
export interface TableInfo {
  /** Number of rows, 1 to 2^32 - 1. */
  readonly rows: number;
  /** Bytes of one encoded row, scales included. */
  readonly rowBytes: number;
  /** How a row is written. */
  readonly encoding: RowEncoding;
  /** `sha256:` and the hex digest of all rows in order, where it is known. */
  readonly digest?: string;
}

/** Most rows of one table: row ids are 32-bit. */
export const MAX_ROWS = 0xffff_ffff;

/**
 * Describes a table, `rowBytes` derived from the encoding.
 * @throws EngramError `invalid-argument` where rows or encoding are out of range.
 */
export function tableInfo(options: { rows: number; encoding: RowEncoding; digest?: string }): TableInfo {
  const { rows, encoding, digest } = options;
  checkRowEncoding(encoding, "tableInfo");
  if (!Number.isInteger(rows) || rows < 1 || rows > MAX_ROWS) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "tableInfo",
      message: `rows is ${String(rows)}; use a whole number from 1 to ${MAX_ROWS}`,
      context: { rows },
    });
  }
  const table = { rows, rowBytes: encodedRowBytes(encoding), encoding };
  return digest === undefined ? table : { ...table, digest };
}
