// A store whose failed readings are made again, where the failure says that this can help (`retry: "later"`): the one
// place of the SDK that retries. Waits are random over the whole of a growing range (full jitter), so that clients that
// failed together do not come back together; a budget over all calls keeps retries from multiplying the load on a store
// that is down.
//
// Order of wrappers: `withRetry(withTimeout(store))` bounds each attempt, and a stalled one is retried. The other way
// round, `withTimeout(withRetry(store))`, one stalled attempt uses up the time of all. The whole is bounded by the
// caller's `deadlineMs` or `signal`. Put `cached` outside of both: rows in memory then cost neither timer nor budget.

import { EngramError } from "../errors.js";
import { checkPrefetchOptions, checkRowIds } from "./row-ids.js";
import type { PrefetchOptions, RowStore, Ticket, WritableRowStore } from "./row-store.js";
import { systemTime, type TimeSource } from "./time-source.js";
import { type RetryBudgetOptions, retryBudget } from "./with-retry-budget.js";
import { RetriedRows, type RetryContext } from "./with-retry-read.js";
import { passedStats, passedWrites, wrappedTickets } from "./wrapped-tickets.js";

/** How often and when a reading is made again. */
export interface RetryOptions {
  /** Most attempts of one prefetch, the first counted. Default 3. */
  readonly attempts?: number;
  /** Longest wait before the second attempt, in milliseconds; doubles from attempt to attempt. Default 20. */
  readonly baseMs?: number;
  /** Longest wait before any attempt, in milliseconds. Default 2,000. */
  readonly capMs?: number;
  /** Retries of all calls together. */
  readonly budget?: RetryBudgetOptions;
  /** Random numbers from 0 to below 1. Default `Math.random`. */
  readonly random?: () => number;
  /** Default the clock of the machine. */
  readonly clock?: TimeSource;
}

/**
 * Retries readings that failed with `retry: "later"`. A ticket whose attempts, budget or deadline are spent fails with
 * the last failure's code and `retry: "gave-up"`. No attempt begins after the caller's deadline, nor after a commit: it
 * would give other rows than the ticket was made for. Commits are not retried: whether one took effect is not known.
 * @throws EngramError `invalid-argument` where an option is out of range.
 * @example const store = cached(withRetry(withTimeout(s3, { timeoutMs: 500 })), { bytes: 2 ** 30 });
 */
export function withRetry(store: WritableRowStore, options?: RetryOptions): WritableRowStore;
export function withRetry(store: RowStore, options?: RetryOptions): RowStore;
export function withRetry(store: RowStore, options: RetryOptions = {}): RowStore {
  const { table, capabilities } = store;
  const { attempts = 3, baseMs = 20, capMs = 2000, random = Math.random, clock = systemTime } = options;
  checkNumber("attempts", attempts, Number.isInteger(attempts) && attempts >= 1 && attempts <= 100, "1 to 100");
  checkNumber("baseMs", baseMs, baseMs >= 0 && baseMs <= 600_000, "0 to 600,000");
  checkNumber("capMs", capMs, capMs >= 0 && capMs <= 600_000, "0 to 600,000");
  let version = 0;
  const context: RetryContext = {
    store,
    attempts,
    baseMs,
    capMs,
    budget: retryBudget(options.budget),
    clock,
    random,
    version: () => version,
  };
  const tickets = wrappedTickets("withRetry", table);

  const prefetch = (rowIds: Uint32Array, prefetchOptions?: PrefetchOptions): Ticket => {
    tickets.checkOpen("store.prefetch");
    checkRowIds(rowIds, table, capabilities.maxBatch, "store.prefetch");
    checkPrefetchOptions(prefetchOptions, "store.prefetch");
    const refused = tickets.openAborted(rowIds.length, prefetchOptions);
    if (refused !== undefined) return refused;
    return tickets.openPassed(new RetriedRows(context, rowIds, prefetchOptions ?? {}), prefetchOptions);
  };

  const close = (): Promise<void> => tickets.close(() => store.close());
  const wrapper: RowStore = {
    table,
    capabilities,
    prefetch,
    stats: () => passedStats(tickets.counters, store),
    close,
    [Symbol.asyncDispose]: close,
  };
  return passedWrites(store, tickets, wrapper, () => {
    version++;
  });
}

function checkNumber(name: string, value: unknown, inRange: boolean, range: string): void {
  if (inRange) return;
  throw new EngramError({
    code: "invalid-argument",
    operation: "withRetry",
    message: `options.${name} is ${String(value)}; use ${range}`,
  });
}
