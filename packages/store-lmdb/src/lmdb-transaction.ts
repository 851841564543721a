// A transaction on the rows of a table: puts are staged in memory, commit writes them as patches in one LMDB
// transaction, which resolves when it is on disk.

import {
  checkRowBytes,
  checkRowIds,
  EngramError,
  type RowTransaction,
  storeClosed,
  type TableInfo,
} from "@engram-ts/core";

/** What a transaction needs of its store. */
export interface TransactionOwner {
  readonly table: TableInfo;
  readonly maxBatch: number;
  readonly closed: boolean;
  /** Writes rows; called at most once. */
  apply(rows: ReadonlyMap<number, Uint8Array>): Promise<void>;
  /** The transaction has ended; called exactly once. */
  ended(): void;
}

/** Opens a transaction. */
export function lmdbTransaction(owner: TransactionOwner): RowTransaction {
  const { table, maxBatch } = owner;
  const { rowBytes } = table;
  let staged: Map<number, Uint8Array> | undefined = new Map();
  const open = (operation: string): Map<number, Uint8Array> => {
    if (owner.closed) throw storeClosed(operation);
    if (staged !== undefined) return staged;
    throw new EngramError({
      code: "transaction-closed",
      operation,
      message: "the transaction was committed or aborted; open another one with store.begin()",
    });
  };
  return {
    put(rowIds, rows) {
      const into = open("transaction.put");
      checkRowIds(rowIds, table, maxBatch, "transaction.put");
      checkRowBytes(rows, rowIds.length, table, "transaction.put");
      const copy = rows.slice();
      rowIds.forEach((row, i) => {
        into.set(row, copy.subarray(i * rowBytes, (i + 1) * rowBytes));
      });
      return Promise.resolve();
    },
    async commit() {
      const rows = open("transaction.commit");
      staged = undefined;
      try {
        if (rows.size > 0) await owner.apply(rows);
      } finally {
        owner.ended();
      }
    },
    async abort() {
      open("transaction.abort");
      staged = undefined;
      owner.ended();
    },
  };
}
