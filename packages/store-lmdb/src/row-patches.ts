// Rows that transactions replaced after their table was written. They lie beside the blocks, one value a row, and win
// over them: rewriting a block of 16 MiB for a row would not do. Which rows may have one is a bit each, in memory, only
// ever set; whether a ticket sees the new row is decided by its snapshot.

import type { StagedPut } from "@engram-ts/core";
import type { TransactionWriter } from "./lmdb-environment.js";
import { KIND, writeRowKey } from "./lmdb-keys.js";
import type { Snapshot } from "./lmdb-snapshot.js";
import type { TableRecord } from "./table-records.js";

/** The replaced rows of one table. */
export interface RowPatches {
  /** Notes all rows that a snapshot has patches for. */
  load(snapshot: Snapshot): void;
  /** Notes rows that this process has written patches for. */
  add(rowIds: Uint32Array): void;
  /** Writes the patches that a snapshot sees over what was gathered from the blocks. */
  apply(snapshot: Snapshot, rowIds: Uint32Array, first: number, count: number, out: Uint8Array): void;
}

/** No row is replaced. */
export function rowPatches(record: TableRecord): RowPatches {
  const { id, table } = record;
  const { rows, rowBytes } = table;
  let patched: Uint32Array | undefined;
  const key = new Uint8Array(9);
  const add = (rowIds: Iterable<number>): void => {
    for (const row of rowIds) {
      if (row >= rows) continue;
      patched ??= new Uint32Array(Math.ceil(rows / 32));
      patched[row >>> 5] = (patched[row >>> 5] as number) | (1 << (row & 31)); // row < rows
    }
  };
  return {
    load: (snapshot) => add(snapshot.indexes(KIND.patch, id)),
    add,
    apply(snapshot, rowIds, first, count, out) {
      if (patched === undefined) return;
      for (let i = 0; i < count; i++) {
        const row = rowIds[first + i] as number; // i < count
        if ((((patched[row >>> 5] as number) >>> (row & 31)) & 1) === 0) continue; // row < rows
        writeRowKey(key, KIND.patch, id, row);
        const value = snapshot.peek(key);
        // a patch of another length cannot be: commits check it, and a damaged page would fail LMDB's own checks
        if (value !== undefined) out.set(value.subarray(0, rowBytes), i * rowBytes);
      }
    },
  };
}

/** Writes patches, in the order of the puts: of a row that is named twice the last one stays. */
export function putPatches(
  transaction: TransactionWriter,
  { id, table: { rowBytes } }: TableRecord,
  puts: readonly StagedPut[],
): void {
  const key = new Uint8Array(9);
  for (const { rowIds, rows } of puts) {
    for (let i = 0; i < rowIds.length; i++) {
      writeRowKey(key, KIND.patch, id, rowIds[i] as number); // i < length; LMDB copies both before the call returns
      transaction.put(key, rows.subarray(i * rowBytes, (i + 1) * rowBytes));
    }
  }
}
