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

/** Copies of what was put: rows `[rowIds.length, rowBytes]`. */
export interface StagedPut {
  readonly rowIds: Uint32Array;
  readonly rows: Uint8Array;
}

/** What a transaction needs of its store. */
export interface TransactionOwner {
  readonly table: TableInfo;
  readonly maxBatch: number;
  readonly closed: boolean;
  /** Writes rows; called at most once. */
  apply(puts: readonly StagedPut[]): Promise<void>;
  /** The transaction has ended; called exactly once. */
  ended(): void;
}

/** Opens a transaction. */
export function lmdbTransaction(owner: TransactionOwner): RowTransaction {
  const { table, maxBatch } = owner;
  let staged: StagedPut[] | undefined = [];
  const open = (operation: string): StagedPut[] => {
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
      if (rowIds.length > 0) into.push({ rowIds: rowIds.slice(), rows: new Uint8Array(rows) });
      return Promise.resolve();
    },
    async commit() {
      const puts = open("transaction.commit");
      staged = undefined;
      try {
        if (puts.length > 0) await owner.apply(puts);
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
