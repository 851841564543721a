// What all wrappers have in common: their own tickets and counters, closing, and how they look at the tickets of the
// stores inside. A wrapper owns the stores that it is given: nobody else reads, writes or closes them.

import { EngramError } from "../errors.js";
import type { TableInfo } from "../rows/table.js";
import type { PrefetchOptions, RowStore, StoreStats, Ticket, WritableRowStore } from "./row-store.js";
import { type StoreCounters, storeCounters } from "./store-counters.js";
import { StoreTicket, type TicketSource } from "./ticket.js";

/** The open tickets of one wrapper. */
export interface WrappedTickets {
  readonly counters: StoreCounters;
  /** @throws EngramError `store-closed`. */
  checkOpen(operation: string): void;
  /** Opens a ticket. `source.free` is called at abort and at close too, so it must bear being called again. */
  open(source: TicketSource, options?: PrefetchOptions): StoreTicket;
  /** Opens a ticket that stands for one of a store inside, which meets the deadline. */
  openPassed(source: TicketSource, options?: PrefetchOptions): StoreTicket;
  /** Opens a ticket that fails at once where the signal was aborted before; nothing is to be read for it. */
  openAborted(length: number, options: PrefetchOptions | undefined): StoreTicket | undefined;
  /** Fails all tickets with `store-closed`, refuses new ones, then runs `free`, once. */
  close(free: () => Promise<void>): Promise<void>;
}

/** Tickets of a wrapper named `wrapper`, the function as its caller writes it. */
export function wrappedTickets(wrapper: string, table: TableInfo, tiers: readonly string[] = []): WrappedTickets {
  const counters = storeCounters(tiers);
  const open = new Map<StoreTicket, TicketSource>();
  const unlisten = new Map<StoreTicket, () => void>(); // of those with a signal
  let closing: Promise<void> | undefined;
  const onRelease = (ticket: StoreTicket): void => {
    open.delete(ticket);
    unlisten.get(ticket)?.();
    unlisten.delete(ticket);
  };
  const closed = (operation: string): EngramError =>
    new EngramError({
      code: "store-closed",
      operation,
      message: `the store that ${wrapper} made has been closed; open another one`,
    });

  const openTicket = (source: TicketSource, options?: PrefetchOptions): StoreTicket => {
    const ticket = new StoreTicket(source, counters, options, onRelease);
    open.set(ticket, source);
    if (options?.signal !== undefined && source.loading !== undefined) {
      unlisten.set(ticket, freeAtAbort(options.signal, ticket, source));
    }
    return ticket;
  };

  return {
    counters,
    checkOpen(operation) {
      if (closing !== undefined) throw closed(operation);
    },
    open: openTicket,
    openPassed: (source, options) =>
      openTicket(source, options?.signal === undefined ? undefined : { signal: options.signal }),
    openAborted(length, options) {
      if (options?.signal?.aborted !== true) return undefined;
      const nothing = (): void => {};
      const { rowBytes, encoding } = table;
      return openTicket(
        { length, rowBytes, width: encoding.width, gather: nothing, decode: nothing, free: nothing },
        options,
      );
    },
    close(free) {
      if (closing === undefined) {
        closing = Promise.resolve().then(free);
        for (const [ticket, source] of [...open]) {
          ticket.fail(closed("store.close"));
          source.free();
        }
      }
      return closing;
    },
  };
}

/** Ends the reading when the caller's signal says so, and does not wait for the release of a ticket that failed. */
function freeAtAbort(signal: AbortSignal, ticket: StoreTicket, source: TicketSource): () => void {
  const free = (): void => {
    if (ticket.error !== undefined) source.free(); // one that gave zeros at its deadline is ready, whatever comes after
  };
  const unlisten = (): void => signal.removeEventListener("abort", free);
  signal.addEventListener("abort", free, { once: true });
  source.loading?.then(unlisten, unlisten);
  return unlisten;
}

/** What is known of a ticket without waiting. */
export function ticketState(ticket: Ticket): "pending" | "ready" | "failed" {
  if (!ticket.settled || !("error" in ticket)) return "pending"; // one that does not tell is to be awaited
  return ticket.error === undefined ? "ready" : "failed";
}

/** The sum of two counters of rows by tier. */
export function addHits(
  a: Readonly<Record<string, number>>,
  b: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const sum: Record<string, number> = { ...a };
  for (const [tier, rows] of Object.entries(b)) sum[tier] = (sum[tier] ?? 0) + rows;
  return sum;
}

/** Statistics of a wrapper whose tickets stand for those of one store: deadlines are met inside, or here, never both. */
export function passedStats(counters: StoreCounters, store: RowStore): StoreStats {
  const { hits, distinctRows, deadlineMisses, zeroedRows } = store.stats();
  const own = counters.snapshot();
  const stats = {
    ...own,
    hits: addHits(own.hits, hits),
    deadlineMisses: own.deadlineMisses + deadlineMisses,
    zeroedRows: own.zeroedRows + zeroedRows,
  };
  return distinctRows === undefined ? stats : { ...stats, distinctRows };
}

/** `wrapper` with the transactions of the store inside, where that one is writable; `onCommit` is told before a commit. */
export function passedWrites(
  store: RowStore,
  tickets: WrappedTickets,
  wrapper: RowStore,
  onCommit?: () => void,
): RowStore {
  if (!isWritable(store)) return wrapper;
  const begin: WritableRowStore["begin"] = () => {
    tickets.checkOpen("store.begin");
    const inner = store.begin();
    if (onCommit === undefined) return inner;
    const commit = (): Promise<void> => {
      onCommit();
      return inner.commit();
    };
    return { put: (rowIds, rows) => inner.put(rowIds, rows), commit, abort: () => inner.abort() };
  };
  return Object.assign(wrapper, { begin });
}

/** Whether a store takes transactions. */
export function isWritable(store: RowStore): store is WritableRowStore {
  return store.capabilities.writable && "begin" in store;
}
