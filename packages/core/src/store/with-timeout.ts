// A store whose readings come in time or fail: a stalled one is ended and its ticket fails with `deadline-exceeded`,
// `retry: "later"`. Unlike a caller's `deadlineMs`, which waits on or gives zeros, and is about when rows are needed, this
// is about how long a healthy reading can take. Belongs inside `withRetry`; see there for the order of wrappers.

import { EngramError } from "../errors.js";
import { checkPrefetchOptions, checkRowIds } from "./row-ids.js";
import type { PrefetchOptions, RowStore, Ticket, WritableRowStore } from "./row-store.js";
import type { TicketSource } from "./ticket.js";
import { systemTime, type TimeSource } from "./time-source.js";
import { passedStats, passedWrites, ticketState, wrappedTickets } from "./wrapped-tickets.js";

/** How long a reading may take. */
export interface TimeoutOptions {
  /** From prefetch to settled, in milliseconds. */
  readonly timeoutMs: number;
  /** Default the clock of the machine. */
  readonly clock?: TimeSource;
}

/**
 * Fails readings that take too long. Commits are not timed: whether one took effect would not be known.
 * @throws EngramError `invalid-argument` where `timeoutMs` is out of range.
 * @example const store = withTimeout(s3, { timeoutMs: 500 });
 */
export function withTimeout(store: WritableRowStore, options: TimeoutOptions): WritableRowStore;
export function withTimeout(store: RowStore, options: TimeoutOptions): RowStore;
export function withTimeout(store: RowStore, options: TimeoutOptions): RowStore {
  const { table, capabilities } = store;
  const { timeoutMs, clock = systemTime } = options;
  if (!(typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs <= 2 ** 31 - 1)) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "withTimeout",
      message: `options.timeoutMs is ${String(timeoutMs)}; use milliseconds, above 0 and at most ${2 ** 31 - 1}`,
    });
  }
  const tickets = wrappedTickets("withTimeout", table);

  const prefetch = (rowIds: Uint32Array, prefetchOptions?: PrefetchOptions): Ticket => {
    tickets.checkOpen("store.prefetch");
    checkRowIds(rowIds, table, capabilities.maxBatch, "store.prefetch");
    checkPrefetchOptions(prefetchOptions, "store.prefetch");
    const refused = tickets.openAborted(rowIds.length, prefetchOptions);
    if (refused !== undefined) return refused;
    const ticket = store.prefetch(rowIds, prefetchOptions);
    return tickets.openPassed(timedRows(ticket, store, timeoutMs, clock), prefetchOptions);
  };

  const close = (): Promise<void> => tickets.close(() => store.close());
  return passedWrites(store, tickets, {
    table,
    capabilities,
    prefetch,
    stats: () => passedStats(tickets.counters, store),
    close,
    [Symbol.asyncDispose]: close,
  });
}

function timedRows(ticket: Ticket, { table }: RowStore, timeoutMs: number, clock: TimeSource): TicketSource {
  let callOff: (() => void) | undefined;
  const source = {
    length: ticket.length,
    rowBytes: table.rowBytes,
    width: table.encoding.width,
    gather: (out: Uint8Array) => ticket.gather(out),
    decode: (out: Float32Array) => ticket.decode(out),
    free: () => {
      callOff?.();
      ticket.release();
    },
  };
  if (ticketState(ticket) === "ready") return source;
  const loading = new Promise<void>((resolve, reject) => {
    callOff = clock.after(timeoutMs, () => {
      reject(
        new EngramError({
          code: "deadline-exceeded",
          operation: "store.prefetch",
          message: `${ticket.length} rows had not come after ${timeoutMs} ms; retry, or allow more with options.timeoutMs`,
          retry: "later",
          context: { timeoutMs, rows: ticket.length },
        }),
      );
      ticket.release();
    });
    ticket.ready.then(resolve, reject).finally(callOff);
  });
  return { ...source, loading };
}
