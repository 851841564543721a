// Rows of a table before training: uniform around 0, a function of seed, block and row alone, so that any part of a table
// can be made again, on any machine, without the rest.

import {
  encodedRowBytes,
  encodeRows,
  type ModelSpec,
  memoryTables,
  type TableInfo,
  tableInfo,
  type WritableRowStore,
} from "@engram-ts/core";
import { writeRows } from "../optimizers/store-rows.js";

/** Fills float32 values `[n, width]` of rows from `firstRow` on. */
export type InitialRows = (firstRow: number, values: Float32Array) => void;

/** See {@link initialRows}. */
export interface InitialRowsOptions {
  /** 0 to 2^32 - 1. */
  readonly seed: number;
  /** The block, so that tables differ. */
  readonly layer: number;
  /** Values of a row. */
  readonly width: number;
  /** Of the values. Default 0.02; 0 makes zeros. */
  readonly deviation?: number;
}

/** Most bytes of values that are made at a time. */
const CHUNK_BYTES = 2 ** 24;

/** The function that makes a table's rows. */
export function initialRows({ seed, layer, width, deviation = 0.02 }: InitialRowsOptions): InitialRows {
  const bound = deviation * Math.sqrt(3);
  const table = scramble(seed ^ scramble(layer + 1));
  return (firstRow, values) => {
    for (let at = 0, row = firstRow; at < values.length; at += width, row++) {
      let counter = scramble(table ^ scramble(row + 1));
      for (let c = 0; c < width; c++) {
        counter = (counter + 0x9e37_79b9) | 0;
        values[at + c] = ((scramble(counter) >>> 8) / 2 ** 23 - 1) * bound;
      }
    }
  };
}

/** The tables of a model, as stores are made for them, by block. */
export function tablesOf({ memory }: ModelSpec): ReadonlyMap<number, TableInfo> {
  if (memory === undefined) return new Map();
  const { encoding } = memory;
  return new Map(memoryTables(memory).map(({ layer, rows }) => [layer, tableInfo({ rows, encoding })]));
}

/**
 * Writes all rows of a store, some at a time.
 * @throws what the store throws; rows before that are written.
 */
export async function fillRows(
  store: WritableRowStore,
  initial: (firstRow: number, values: Float32Array) => void | Promise<void>,
): Promise<void> {
  const { rows, encoding } = store.table;
  const most = Math.max(1, Math.floor(CHUNK_BYTES / (encoding.width * 4)));
  for (let row = 0; row < rows; row += most) {
    const count = Math.min(most, rows - row);
    const values = new Float32Array(count * encoding.width);
    await initial(row, values);
    await writeRows(
      store,
      Uint32Array.from({ length: count }, (_, i) => row + i),
      values,
    );
  }
}

/** Initial rows as stores take them when they are made: `dramStore({ table, initialize: initializeBytes(table, initial) })`. */
export function initializeBytes(
  { encoding }: Pick<TableInfo, "encoding">,
  initial: InitialRows,
): (firstRow: number, rows: Uint8Array) => void {
  const rowBytes = encodedRowBytes(encoding);
  const most = Math.max(1, Math.floor(CHUNK_BYTES / (encoding.width * 4)));
  return (firstRow, rows) => {
    const count = rows.length / rowBytes;
    for (let row = 0; row < count; row += most) {
      const part = rows.subarray(row * rowBytes, Math.min(count, row + most) * rowBytes);
      const values = new Float32Array((part.length / rowBytes) * encoding.width);
      initial(firstRow + row, values);
      encodeRows(encoding, values, part);
    }
  };
}

/** MurmurHash3's 32-bit finaliser. */
function scramble(bits: number): number {
  let x = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return x ^ (x >>> 16);
}
