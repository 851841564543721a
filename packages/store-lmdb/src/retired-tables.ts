// Tables that were replaced, or whose writing was given up. Their blocks are removed a few at a time, after nobody can
// open them any more; a removal that is cut short is gone on with by the next writer. Readers that still have such a
// table are not disturbed: LMDB keeps the pages that a snapshot sees, and uses them again when it is gone.

import type { Environment, TransactionWriter } from "./lmdb-environment.js";
import { KIND, type RowKind, rowKey } from "./lmdb-keys.js";
import { commitsKey, encodeRecord, RETIRED, readRetired, type TableRecord } from "./table-records.js";

/** Removed in one transaction: a block has 4,100 pages, whose numbers LMDB writes down. */
const MOST_BLOCKS = 64;
const MOST_ROWS = 65_536;

/** Notes tables for removal. */
export function retire(transaction: TransactionWriter, tables: readonly TableRecord[]): void {
  const retired = [...readRetired(transaction), ...tables.map(({ id }) => ({ id }))];
  transaction.put(RETIRED, encodeRecord({ tables: retired }));
}

/** Removes all tables that were noted. */
export async function removeRetired(environment: Environment): Promise<void> {
  const snapshot = environment.snapshot();
  const retired = readRetired(snapshot);
  snapshot.release();
  for (const { id } of retired) {
    await removeRows(environment, KIND.block, id, MOST_BLOCKS);
    await removeRows(environment, KIND.patch, id, MOST_ROWS);
    await environment.transact("writer.finish", (transaction) => {
      transaction.remove(commitsKey(id));
      const left = readRetired(transaction).filter((table) => table.id !== id);
      if (left.length === 0) transaction.remove(RETIRED);
      else transaction.put(RETIRED, encodeRecord({ tables: left }));
    });
  }
}

/** Removes what a table has of one kind, `most` a transaction. */
export async function removeRows(environment: Environment, kind: RowKind, table: number, most: number): Promise<void> {
  for (;;) {
    const snapshot = environment.snapshot(); // a new one each time: an old one would keep what is being removed
    const indexes: number[] = [];
    for (const index of snapshot.indexes(kind, table)) {
      indexes.push(index);
      if (indexes.length === most) break;
    }
    snapshot.release();
    if (indexes.length === 0) return;
    await environment.transact("writer.finish", (transaction) => {
      for (const index of indexes) transaction.remove(rowKey(kind, table, index));
    });
  }
}
