// A row store in as few lines as possible, and ways to break it: each Fault is a mistake that a driver could make, and
// the suite must catch every one. Slow on purpose: a ticket copies its rows when it is made.

import {
  checkPrefetchOptions,
  checkRowIds,
  EngramError,
  type PrefetchOptions,
  type RowStore,
  type RowTransaction,
  type StoreCapabilities,
  StoreTicket,
  storeCounters,
  type TableInfo,
  type Ticket,
  type WritableRowStore,
} from "@engram-ts/core";
import { decodePlainly } from "../src/plain-decoding.js";

/** Every way in which the model store can be broken, and the trait of the suite that must catch it. */
export const FAULTS = {
  "gathers duplicates once": "batches",
  "sorts the row ids": "batches",
  "keeps the caller's row ids": "aliasing",
  "wrong row for the last id": "batches",
  "wrong bytes in odd rows": "encodings",
  "returns its own memory's next row when the id is 60": "batches",
  "ignores the offset of the output": "aliasing",
  "writes one byte past the output": "aliasing",
  "rounds the output offset down to four": "aliasing",
  "reads rows at gather time": "transactions",
  "overwrites a ticket's rows after many prefetches": "released",
  "one buffer for all tickets": "concurrent",
  "shows staged rows before commit": "transactions",
  "commits in two steps": "transactions",
  "first put wins": "transactions",
  "keeps the caller's rows in put": "aliasing",
  "keeps the caller's ids in put": "aliasing",
  "stages the good part of a failed put": "transactions",
  "rejects a bad put later": "transactions",
  "abort keeps what was staged": "transactions",
  "commit forgets the last row": "transactions",
  "commit twice is silent": "transactions",
  "put after commit is silent": "transactions",
  "allows two transactions": "transactions",
  "never ends a transaction": "transactions",
  "accepts ids up to rows": "arguments",
  "accepts ids past the table": "arguments",
  "accepts any output length": "arguments",
  "accepts a larger output": "arguments",
  "accepts maxBatch + 1": "batches",
  "accepts any options": "arguments",
  "accepts row ids in an array": "arguments",
  "prefetch after close": "closed",
  "closes only when close has resolved": "closed",
  "tickets outlive close": "closed",
  "begin after close": "closed",
  "throws when closed twice": "closed",
  "ignores an abort before": "aborted",
  "forgets the abort's reason": "aborted",
  "an abort fails every ticket": "aborted",
  "gathers after release": "released",
  "second release counts again": "released",
  "openTickets is not counted down": "described",
  "counts gathers as rows": "described",
  "counts refused prefetches": "arguments",
  "stats is live": "described",
  "decodes the rows in reverse": "encodings",
  "decode forgets the scale": "encodings",
  "decodes into the start of the buffer": "aliasing",
  "zeroes a row": "batches",
  "says writable without begin": "described",
  "says resident and is not": "readiness",
  "is read-only and begins all the same": "transactions",
  "says maxBatch is not a number": "described",
  "another rowBytes in table": "described",
} as const;

export type Fault = keyof typeof FAULTS;

/** How a model store is made. */
export interface ModelStoreOptions {
  /** Rows come in a later turn of the event loop. */
  readonly asynchronous?: boolean;
  readonly readOnly?: boolean;
  readonly maxBatch?: number;
  readonly fault?: Fault | undefined;
}

function refuse(code: "store-closed" | "transaction-open" | "transaction-closed" | "output-length", operation: string) {
  return new EngramError({ code, operation, message: code });
}

/** Opens a model store over `rows`. */
export function modelStore(table: TableInfo, rows: Uint8Array, options: ModelStoreOptions = {}): RowStore {
  const { fault } = options;
  const { rowBytes } = table;
  const writable = options.readOnly !== true;
  const maxBatch = options.maxBatch ?? 1000;
  const counters = storeCounters(["model"]);
  const open = new Set<StoreTicket>();
  const shared = new Uint8Array(1 << 20);
  let prefetches = 0;
  let closed = false;
  let transaction: object | undefined;
  const live = counters.snapshot();

  const capabilities: StoreCapabilities = {
    maxBatch: fault === "says maxBatch is not a number" ? Number.NaN : maxBatch,
    resident: fault === "says resident and is not" || options.asynchronous !== true,
    writable: writable || fault === "says writable without begin",
    durable: false,
  };

  const copyRows = (ids: Uint32Array): Uint8Array => {
    let order = Array.from(ids);
    if (fault === "sorts the row ids") order.sort((a, b) => a - b);
    if (fault === "gathers duplicates once") order = [...new Set(order)];
    const copy = new Uint8Array(ids.length * rowBytes);
    order.forEach((id, i) => {
      let row = id;
      if (fault === "wrong row for the last id" && i > 0 && i === ids.length - 1) row = 0;
      if (fault === "returns its own memory's next row when the id is 60" && id === 60) row = 59;
      copy.set(rows.subarray(row * rowBytes, (row + 1) * rowBytes), i * rowBytes);
      if (fault === "wrong bytes in odd rows" && id % 2 === 1) copy[(i + 1) * rowBytes - 1] = 0;
      if (fault === "zeroes a row" && id === 30) copy.fill(0, i * rowBytes, (i + 1) * rowBytes);
    });
    if (fault === "one buffer for all tickets") shared.set(copy);
    return fault === "one buffer for all tickets" ? shared.subarray(0, copy.length) : copy;
  };

  const write = (copy: Uint8Array, out: Uint8Array): void => {
    const whole = new Uint8Array(out.buffer);
    if (fault === "ignores the offset of the output") whole.set(copy);
    else if (fault === "rounds the output offset down to four") whole.set(copy, out.byteOffset & ~3);
    else out.set(copy);
    if (fault === "writes one byte past the output" && whole.length > out.byteOffset + copy.length) {
      whole[out.byteOffset + copy.length] = 0;
    }
    if (fault === "counts gathers as rows") counters.rows++;
  };

  const writeDecoded = (copy: Uint8Array, out: Float32Array): void => {
    const { encoding } = table;
    const unscaled = fault === "decode forgets the scale" && encoding.kind === "fp8-e4m3";
    const values = decodePlainly(unscaled ? { ...table, encoding: { ...encoding, scale: 1 } } : table, copy);
    if (fault === "decodes the rows in reverse") values.reverse();
    if (fault === "decodes into the start of the buffer") new Float32Array(out.buffer).set(values);
    else out.set(values);
  };

  const prefetch = (rowIds: Uint32Array, given?: PrefetchOptions): Ticket => {
    if (closed && fault !== "prefetch after close") throw refuse("store-closed", "store.prefetch");
    if (fault === "counts refused prefetches") counters.prefetches++;
    const asked = fault === "accepts row ids in an array" ? Uint32Array.from(rowIds) : rowIds;
    const limit = fault === "accepts maxBatch + 1" ? maxBatch + 1 : maxBatch;
    const inside = fault === "accepts ids up to rows" ? table.rows + 1 : table.rows;
    checkRowIds(
      asked,
      { ...table, rows: fault === "accepts ids past the table" ? 2 ** 32 : inside },
      limit,
      "prefetch",
    );
    if (fault !== "accepts any options") checkPrefetchOptions(given, "store.prefetch");
    if (fault === "counts refused prefetches") counters.prefetches--;
    prefetches++;
    const ids = fault === "keeps the caller's row ids" ? asked : asked.slice();
    let copy = fault === "keeps the caller's row ids" ? undefined : copyRows(ids);
    counters.hit("model", ids.length);
    const mine = prefetches;
    const current = (): Uint8Array => {
      if (fault === "reads rows at gather time") return copyRows(ids);
      if (fault === "overwrites a ticket's rows after many prefetches" && prefetches > mine + 64) copy?.fill(0xdd);
      copy ??= copyRows(ids);
      return copy;
    };
    const late = options.asynchronous === true || fault === "says resident and is not";
    const source = {
      length: ids.length,
      rowBytes,
      width: table.encoding.width,
      ...(late ? { loading: new Promise<void>((resolve) => setImmediate(resolve)) } : {}),
      gather: (out: Uint8Array) => write(current(), out),
      decode: (out: Float32Array) => writeDecoded(current(), out),
      free: () => {
        if (fault === "openTickets is not counted down") counters.openTickets++;
      },
    };
    let seen = given;
    if (given?.signal?.aborted && fault === "ignores an abort before") seen = {};
    if (given?.signal?.aborted && fault === "forgets the abort's reason") seen = { signal: AbortSignal.abort("other") };
    const ticket = new StoreTicket(source, counters, seen, (done) => open.delete(done));
    open.add(ticket);
    if (fault === "an abort fails every ticket") {
      given?.signal?.addEventListener("abort", () => {
        for (const each of open) each.fail(new EngramError({ code: "aborted", operation: "prefetch", message: "all" }));
      });
    }
    return broken(ticket, current);
  };

  /** Tickets of mutants whose mistake StoreTicket would prevent. */
  const broken = (ticket: StoreTicket, current: () => Uint8Array): Ticket => {
    const get = {
      get settled() {
        return ticket.settled;
      },
      get ready() {
        return ticket.ready;
      },
      length: ticket.length,
      gather: (out: Uint8Array) => ticket.gather(out),
      decode: (out: Float32Array) => ticket.decode(out),
      release: () => ticket.release(),
    };
    if (fault === "accepts any output length") {
      get.gather = (out) => ticket.gather(out instanceof Uint8Array ? new Uint8Array(current().length) : out);
    } else if (fault === "accepts a larger output") {
      get.gather = (out) => ticket.gather(out instanceof Uint8Array ? out.subarray(0, current().length) : out);
    } else if (fault === "gathers after release") {
      let released = false;
      get.release = () => {
        released = true;
        ticket.release();
      };
      get.gather = (out) => (released ? out.set(current()) : ticket.gather(out));
    } else if (fault === "second release counts again") {
      let released = false;
      get.release = () => {
        if (released) counters.openTickets--;
        released = true;
        ticket.release();
      };
    } else {
      return ticket;
    }
    return get;
  };

  const begin = (): RowTransaction => {
    if (closed && fault !== "begin after close") throw refuse("store-closed", "store.begin");
    if (transaction !== undefined && fault !== "allows two transactions")
      throw refuse("transaction-open", "store.begin");
    const staged: [id: number, rows: Uint8Array, at: number, ids: Uint32Array][] = [];
    const self = {};
    transaction = self;
    let ended = false;
    const isOpen = () => !ended && !closed;
    const end = () => {
      ended = true;
      if (transaction === self && fault !== "never ends a transaction") transaction = undefined;
    };
    const apply = (entries: typeof staged) => {
      for (const [id, bytes, at, ids] of entries) {
        const row = fault === "keeps the caller's ids in put" ? (ids[at] ?? id) : id;
        rows.set(bytes.subarray(at * rowBytes, (at + 1) * rowBytes), row * rowBytes);
      }
    };
    const put = (rowIds: Uint32Array, bytes: Uint8Array): Promise<void> => {
      if (!isOpen()) {
        if (fault === "put after commit is silent") return Promise.resolve();
        throw refuse("transaction-closed", "transaction.put");
      }
      if (fault === "stages the good part of a failed put" && rowIds instanceof Uint32Array) {
        rowIds.forEach((id, at) => {
          if (id < table.rows) staged.push([id, bytes.slice(), at, rowIds]);
        });
      }
      try {
        checkRowIds(rowIds, table, 2 ** 32, "transaction.put");
        if (!(bytes instanceof Uint8Array) || bytes.length !== rowIds.length * rowBytes) {
          throw refuse("output-length", "transaction.put");
        }
      } catch (error) {
        if (fault === "rejects a bad put later") return Promise.reject(error);
        throw error;
      }
      const kept = fault === "keeps the caller's rows in put" ? bytes : bytes.slice();
      const ids = fault === "keeps the caller's ids in put" ? rowIds : rowIds.slice();
      ids.forEach((id, at) => {
        if (fault === "first put wins") staged.unshift([id, kept, at, ids]);
        else staged.push([id, kept, at, ids]);
      });
      if (fault === "shows staged rows before commit") apply(staged);
      return Promise.resolve();
    };
    const commit = async (): Promise<void> => {
      if (!isOpen() && fault !== "commit twice is silent") throw refuse("transaction-closed", "transaction.commit");
      if (fault === "commits in two steps") {
        apply(staged.slice(0, staged.length / 2));
        await Promise.resolve();
      }
      apply(fault === "commit forgets the last row" ? staged.slice(0, -1) : staged);
      end();
    };
    const abort = (): Promise<void> => {
      if (fault === "abort keeps what was staged") apply(staged);
      end();
      return Promise.resolve();
    };
    return { put, commit, abort };
  };

  const close = async (): Promise<void> => {
    if (closed && fault === "throws when closed twice") throw refuse("store-closed", "store.close");
    if (fault === "closes only when close has resolved") await Promise.resolve();
    closed = true;
    if (fault === "tickets outlive close") return;
    for (const ticket of open) ticket.fail(refuse("store-closed", "store.prefetch"));
  };

  const store: RowStore = {
    table: fault === "another rowBytes in table" ? { ...table, rowBytes: rowBytes + 1 } : table,
    capabilities,
    prefetch,
    stats: () => (fault === "stats is live" ? Object.assign(live, counters.snapshot()) : counters.snapshot()),
    close,
    [Symbol.asyncDispose]: close,
  };
  const withBegin: WritableRowStore = { ...store, begin };
  return writable || fault === "is read-only and begins all the same" ? withBegin : store;
}
