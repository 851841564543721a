// Stores for the tests of wrappers: plain ones in memory, and one whose readings the test ends by hand. They are real
// stores (tickets, counters, transactions), with rows as they stood at prefetch. Not here: speed.

import {
  checkPrefetchOptions,
  checkRowIds,
  decodeRows,
  EngramError,
  type PrefetchOptions,
  type RowTransaction,
  StoreTicket,
  storeCounters,
  type TableInfo,
  type TicketSource,
  type WritableRowStore,
} from "@engram-ts/core";

/** A reading that the test has not ended yet, or has. */
export interface ScriptedRead {
  readonly rowIds: Uint32Array;
  readonly options: PrefetchOptions | undefined;
  /** The ticket was released, by its reader or at close. */
  readonly released: boolean;
  resolve(): void;
  reject(error: Error): void;
}

/** A store in memory, with what it was asked for. */
export interface ScriptedStore extends WritableRowStore {
  /** All readings so far, oldest first. */
  readonly reads: ScriptedRead[];
}

export interface ScriptedOptions {
  /** `now`: rows are there when prefetch returns; `soon`: after a turn of the event loop; `script`: when the test says so. */
  readonly arrival: "now" | "soon" | "script";
  /** Without it the store is read-only. */
  readonly writable?: boolean;
  readonly tier?: string;
  readonly maxBatch?: number;
}

/** A store over these rows, `[table.rows, table.rowBytes]`; they are the store's from now on. */
export function scriptedStore(table: TableInfo, rows: Uint8Array, options: ScriptedOptions): ScriptedStore {
  const { arrival, writable = true, tier = "inner", maxBatch = 2 ** 12 } = options;
  const counters = storeCounters([tier]);
  const open = new Set<StoreTicket>();
  const reads: ScriptedRead[] = [];
  let closed = false;
  let transaction: RowTransaction | undefined;
  const closedError = (operation: string) =>
    new EngramError({ code: "store-closed", operation, message: "the test store is closed" });

  const prefetch = (rowIds: Uint32Array, prefetchOptions?: PrefetchOptions): StoreTicket => {
    if (closed) throw closedError("store.prefetch");
    checkRowIds(rowIds, table, maxBatch, "store.prefetch");
    checkPrefetchOptions(prefetchOptions, "store.prefetch");
    const copy = new Uint8Array(rowIds.length * table.rowBytes);
    rowIds.forEach((row, i) => {
      copy.set(rows.subarray(row * table.rowBytes, (row + 1) * table.rowBytes), i * table.rowBytes);
    });
    let resolve: () => void = () => {};
    let reject: (error: Error) => void = () => {};
    let released = false;
    const loading = new Promise<void>((onResolve, onReject) => {
      resolve = onResolve;
      reject = onReject;
    });
    if (arrival === "soon") setImmediate(resolve);
    const source: TicketSource = {
      length: rowIds.length,
      rowBytes: table.rowBytes,
      width: table.encoding.width,
      ...(arrival === "now" ? {} : { loading }),
      gather: (out) => out.set(copy),
      decode: (out) => decodeRows(table.encoding, copy, out),
      free: () => {
        released = true;
        copy.fill(0xdd); // a reader that has released its ticket must not see rows any more
      },
      zeroMissing: () => {
        copy.fill(0);
        return rowIds.length;
      },
    };
    reads.push({
      rowIds: rowIds.slice(),
      options: prefetchOptions,
      get released() {
        return released;
      },
      resolve,
      reject,
    });
    const ticket = new StoreTicket(source, counters, prefetchOptions, (ended) => open.delete(ended));
    open.add(ticket);
    counters.hit(tier, rowIds.length);
    return ticket;
  };

  const begin = (): RowTransaction => {
    if (closed) throw closedError("store.begin");
    if (!writable) throw new EngramError({ code: "store-read-only", operation: "store.begin", message: "read-only" });
    if (transaction !== undefined) {
      throw new EngramError({ code: "transaction-open", operation: "store.begin", message: "another one is open" });
    }
    const staged: [Uint32Array, Uint8Array][] = [];
    const check = (operation: string): void => {
      if (closed) throw closedError(operation);
      if (transaction === own) return;
      throw new EngramError({ code: "transaction-closed", operation, message: "the transaction has ended" });
    };
    const own: RowTransaction = {
      put(rowIds, put) {
        check("transaction.put");
        checkRowIds(rowIds, table, maxBatch, "transaction.put");
        if (!(put instanceof Uint8Array) || put.length !== rowIds.length * table.rowBytes) {
          throw new EngramError({ code: "output-length", operation: "transaction.put", message: "wrong length" });
        }
        staged.push([rowIds.slice(), put.slice()]);
        return Promise.resolve();
      },
      async commit() {
        check("transaction.commit");
        transaction = undefined;
        await Promise.resolve();
        for (const [rowIds, put] of staged) {
          rowIds.forEach((row, i) => {
            rows.set(put.subarray(i * table.rowBytes, (i + 1) * table.rowBytes), row * table.rowBytes);
          });
        }
        await Promise.resolve();
      },
      async abort() {
        check("transaction.abort");
        transaction = undefined;
      },
    };
    transaction = own;
    return own;
  };

  const close = (): Promise<void> => {
    closed = true;
    for (const ticket of open) ticket.fail(closedError("store.close"));
    return Promise.resolve();
  };
  return {
    table,
    capabilities: { maxBatch, resident: arrival === "now", writable, durable: false },
    reads,
    prefetch,
    begin,
    stats: () => counters.snapshot(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** One turn of the event loop: all promises that are due have run, and all timers of 0 ms. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
