// A store that tells what it does: an event for each prefetch and for how it ended, and a count of different rows. Its
// tickets are those of the store inside, and so are all other counters (rows, bytes, hits of each tier, deadline misses,
// latency): without a sink and without the count it costs one call.

import type { ErrorCode, RetryAdvice } from "../errors.js";
import { isEngramError } from "../errors.js";
import { type DistinctCounter, distinctCounter } from "./observed-distinct.js";
import type { PrefetchOptions, RowStore, StoreStats, Ticket, WritableRowStore } from "./row-store.js";
import { ticketState } from "./wrapped-tickets.js";

/** What happened to one prefetch; `id` counts up from 0 for each observed store. */
export type StoreEvent =
  | {
      readonly type: "prefetch";
      readonly id: number;
      readonly rows: number;
      readonly deadlineMs?: number;
      readonly priority?: number;
    }
  /** The rows can be gathered; `atOnce` where that was so when prefetch returned. */
  | {
      readonly type: "settled";
      readonly id: number;
      readonly rows: number;
      readonly ms: number;
      readonly atOnce: boolean;
    }
  | {
      readonly type: "failed";
      readonly id: number;
      readonly rows: number;
      readonly ms: number;
      readonly code: ErrorCode;
      readonly retry: RetryAdvice;
    };

/** What is observed. */
export interface ObservedOptions {
  /**
   * Takes the events, in order, as they happen; must be quick. What it throws is reported as an uncaught error and
   * does not disturb the store. For Node's diagnostics: `channel: (event) => events.publish(event)` with
   * `const events = diagnosticsChannel.channel("engram-ts.store")` from `node:diagnostics_channel`.
   */
  readonly channel?: (event: StoreEvent) => void;
  /** Count different rows, exactly, in `stats().distinctRows`; at most one bit for each row of the table. */
  readonly distinctRows?: boolean;
}

/**
 * Observes a store, which is closed with the wrapper. A ticket released while it is being read ends as `failed` with
 * `ticket-released`.
 * @example const store = observed(cached(file, { bytes }), { channel: (event) => log(event), distinctRows: true });
 */
export function observed(store: WritableRowStore, options?: ObservedOptions): WritableRowStore;
export function observed(store: RowStore, options?: ObservedOptions): RowStore;
export function observed(store: RowStore, options: ObservedOptions = {}): RowStore {
  const { channel } = options;
  const distinct: DistinctCounter | undefined = options.distinctRows === true ? distinctCounter() : undefined;
  let prefetches = 0;

  const prefetch = (rowIds: Uint32Array, prefetchOptions?: PrefetchOptions): Ticket => {
    if (channel === undefined) {
      const ticket = store.prefetch(rowIds, prefetchOptions);
      distinct?.add(rowIds);
      return ticket;
    }
    const start = performance.now();
    const ticket = store.prefetch(rowIds, prefetchOptions);
    distinct?.add(rowIds);
    report(channel, ticket, prefetches++, start, prefetchOptions);
    return ticket;
  };

  const stats = (): StoreStats => {
    const inside = store.stats();
    return distinct === undefined ? inside : { ...inside, distinctRows: distinct.count };
  };
  const { table, capabilities } = store;
  const close = (): Promise<void> => store.close();
  const wrapper: RowStore = { table, capabilities, prefetch, stats, close, [Symbol.asyncDispose]: close };
  return "begin" in store ? Object.assign(wrapper, { begin: () => (store as WritableRowStore).begin() }) : wrapper;
}

function report(
  channel: (event: StoreEvent) => void,
  ticket: Ticket,
  id: number,
  start: number,
  options: PrefetchOptions = {},
): void {
  const send = (event: StoreEvent): void => {
    try {
      channel(event);
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  };
  const rows = ticket.length;
  const { deadlineMs, priority } = options;
  send({
    type: "prefetch",
    id,
    rows,
    ...(deadlineMs !== undefined && { deadlineMs }),
    ...(priority !== undefined && { priority }),
  });
  const settled = (atOnce: boolean): void => send({ type: "settled", id, rows, ms: performance.now() - start, atOnce });
  const failed = (error: unknown): void => {
    const { code, retry } = isEngramError(error) ? error : { code: "io" as const, retry: "never" as const };
    send({ type: "failed", id, rows, ms: performance.now() - start, code, retry });
  };
  const state = ticketState(ticket);
  if (state === "ready") settled(true);
  else if (state === "failed") failed(ticket.error);
  else ticket.ready.then(() => settled(false), failed);
}
