// Transactions of a store whose puts are copied at once and kept until the commit: one is open at a time, each ends once, and
// what is put is checked before it is kept. Memory of a commit serves the next one: fresh pages cost more than the copying.
// Not here: how a store makes rows visible.

import { EngramError } from "../errors.js";
import type { TableInfo } from "../rows/table.js";
import { checkRowBytes, checkRowIds } from "./row-ids.js";
import type { RowTransaction } from "./row-store.js";

/** Copies of what was put, in the order of the puts, so that the last one of a row wins. */
export interface StagedPut {
  readonly rowIds: Uint32Array;
  /** `[rowIds.length, rowBytes]`, aligned, whatever it was taken from. */
  readonly rows: Uint8Array;
}

/** What transactions need of their store. */
export interface StagedTransactionsOwner {
  readonly table: TableInfo;
  readonly maxBatch: number;
  /** @throws EngramError `store-closed`. */
  checkOpen(operation: string): void;
  /**
   * Makes rows visible, all of them or none; called at most once a transaction, and before `commit` returns. What it is given
   * is its own until it is done.
   */
  apply(puts: readonly StagedPut[]): void | Promise<void>;
}

/** Bytes that are kept for the next transaction, at most. */
const MOST_SPARE = 2 ** 26;

/**
 * The `begin` of a store.
 * @returns a function that opens a transaction, and throws `store-closed`, or `transaction-open` while another one is.
 */
export function stagedTransactions(owner: StagedTransactionsOwner): () => RowTransaction {
  const { table, maxBatch } = owner;
  let transactionOpen = false;
  let spare: ArrayBuffer | undefined;
  const copied = (rows: Uint8Array): Uint8Array => {
    const { length } = rows;
    const memory = spare !== undefined && spare.byteLength >= length ? spare : new ArrayBuffer(length);
    if (memory === spare) spare = undefined;
    const copy = new Uint8Array(memory, 0, length);
    copy.set(rows);
    return copy;
  };
  const giveBack = (puts: readonly StagedPut[]): void => {
    for (const { rows } of puts) {
      const { buffer } = rows;
      if (buffer.byteLength > MOST_SPARE || buffer.byteLength <= (spare?.byteLength ?? 0)) continue;
      spare = buffer as ArrayBuffer; // made above
    }
  };
  return () => {
    owner.checkOpen("store.begin");
    if (transactionOpen) {
      throw new EngramError({
        code: "transaction-open",
        operation: "store.begin",
        message: "another transaction is open; commit or abort it first",
        retry: "later",
      });
    }
    transactionOpen = true;
    let staged: StagedPut[] | undefined = [];
    const open = (operation: string): StagedPut[] => {
      owner.checkOpen(operation);
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
        if (rowIds.length > 0) into.push({ rowIds: rowIds.slice(), rows: copied(rows) });
        return Promise.resolve();
      },
      // async, so that refusals are rejections; what a store does at once is done before the call returns
      async commit() {
        const puts = open("transaction.commit");
        staged = undefined;
        try {
          const applied = owner.apply(puts);
          if (applied !== undefined) await applied;
          giveBack(puts);
        } finally {
          transactionOpen = false;
        }
      },
      async abort() {
        open("transaction.abort");
        staged = undefined;
        transactionOpen = false;
      },
    };
  };
}
