// A transaction on rows in memory: puts are copied at once, commit swaps them in within one turn of the event loop.

import { checkRowIds, EngramError, type RowTransaction, type TableInfo } from "@engram-ts/core";
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
  let staged: StagedRows | undefined = stagedRows(table.rowBytes);
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
      checkRows(rows, rowIds.length * table.rowBytes);
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

/** The error for an operation on a closed store. */
export function storeClosed(operation: string): EngramError {
  return new EngramError({ code: "store-closed", operation, message: "the store is closed; open it again" });
}

function checkRows(rows: Uint8Array, expected: number): void {
  if (rows instanceof Uint8Array && rows.length === expected) return;
  const found = rows instanceof Uint8Array ? `${rows.length} bytes` : typeof rows;
  throw new EngramError({
    code: "output-length",
    operation: "transaction.put",
    message: `rows is ${found}, and these ids need a Uint8Array of exactly ${expected} bytes`,
    context: { expected },
  });
}
