// A transaction on rows in memory: puts are copied at once, commit swaps them in within one turn of the event loop.

import {
  checkRowBytes,
  checkRowIds,
  EngramError,
  type RowTransaction,
  storeClosed,
  type TableInfo,
} from "@engram-ts/core";
import { type StagedRows, stagedRows } from "./staged-rows.js";

/** What a transaction needs of its store. */
export interface TransactionOwner {
  readonly table: TableInfo;
  readonly maxBatch: number;
  readonly closed: boolean;
  /** Makes rows visible at once; called at most once. */
  apply(rows: StagedRows): void;
  /** The transaction has ended; called exactly once. */
  ended(): void;
}

/** Opens a transaction. */
export function dramTransaction(owner: TransactionOwner): RowTransaction {
  const { table, maxBatch } = owner;
  let staged: StagedRows | undefined = stagedRows();
  const open = (operation: string): StagedRows => {
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
      into.put(rowIds, rows);
      return Promise.resolve();
    },
    // async, so that the refusal is a rejection; everything happens before the call returns
    async commit() {
      const rows = open("transaction.commit");
      staged = undefined;
      owner.ended();
      owner.apply(rows);
    },
    async abort() {
      open("transaction.abort");
      staged = undefined;
      owner.ended();
    },
  };
}
