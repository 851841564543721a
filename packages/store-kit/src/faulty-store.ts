// A store that fails by a seed, around any other: for campaigns on wrappers, whose promise is right rows or a typed error
// in time. Failures come as a store reports them; only `wrong-rows` is one that no store may have, for `verified`.

import {
  checkPrefetchOptions,
  checkRowIds,
  EngramError,
  type RowStore,
  StoreTicket,
  storeCounters,
} from "@engram-ts/core";
import { FaultyRows, STORE_FAULT_KINDS, type StoreFaultKind } from "./faulty-rows.js";
import { seededRandom } from "./seeded-random.js";

/** What goes wrong. */
export interface FaultyOptions {
  /** Of the faults: the same seed and order of prefetches give the same ones. */
  readonly seed: number;
  /** Share of prefetches that fail, from 0 to 1. Default 0.1. */
  readonly share?: number;
  /** The faults to draw from, each as likely. Default all but `wrong-rows`. */
  readonly kinds?: readonly StoreFaultKind[];
  /** Milliseconds before a prefetch that does not fail settles: a number, or a least and a greatest. Default 0. */
  readonly latencyMs?: number | readonly [least: number, greatest: number];
  /** Milliseconds of `late`. Default 50. */
  readonly lateMs?: number;
}

/** A store that fails, and says how often it did. */
export interface FaultyStore extends RowStore {
  faults(): Readonly<Partial<Record<StoreFaultKind, number>>>;
}

const REPORTED = STORE_FAULT_KINDS.filter((kind) => kind !== "wrong-rows");

/**
 * Puts faults in front of a store. Read-only; the store inside is closed with it.
 * @throws EngramError `invalid-argument` where `share` is no share or `kinds` is empty.
 * @example const store = withRetry(withTimeout(faulty(dramStore(options), { seed: 7 }), { timeoutMs: 20 }));
 */
export function faulty(store: RowStore, options: FaultyOptions): FaultyStore {
  const { seed, share = 0.1, kinds = REPORTED, latencyMs = 0, lateMs = 50 } = options;
  if (!(share >= 0 && share <= 1) || kinds.length === 0) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "faulty",
      message: `options.share is ${String(share)} of ${kinds.length} kinds; use 0 to 1, and at least one kind`,
    });
  }
  const { table } = store;
  const { maxBatch, durable } = store.capabilities;
  const [least, greatest] = typeof latencyMs === "number" ? [latencyMs, latencyMs] : latencyMs;
  const random = seededRandom(seed);
  const counters = storeCounters(["faulty"]);
  const counts: Partial<Record<StoreFaultKind, number>> = {};
  const open = new Map<StoreTicket, FaultyRows>();
  let closing: Promise<void> | undefined;
  const closed = (operation: string): EngramError =>
    new EngramError({ code: "store-closed", operation, message: "the store that faulty made has been closed" });

  const close = (): Promise<void> => {
    closing ??= Promise.resolve().then(() => store.close());
    for (const [ticket, source] of open) {
      ticket.fail(closed("store.close"));
      source.end();
    }
    return closing;
  };

  return {
    table,
    capabilities: { maxBatch, resident: false, writable: false, durable },
    prefetch(rowIds, prefetchOptions) {
      if (closing !== undefined) throw closed("store.prefetch");
      checkRowIds(rowIds, table, maxBatch, "store.prefetch");
      checkPrefetchOptions(prefetchOptions, "store.prefetch");
      counters.hit("faulty", rowIds.length);
      // always as many draws, so that one prefetch's fate does not depend on another's
      const [failing, kind, latency, place] = [random.next(), random.below(kinds.length), random.next(), random.next()];
      const fault = failing < share ? kinds[kind] : undefined;
      if (fault !== undefined) counts[fault] = (counts[fault] ?? 0) + 1;
      const waitMs = fault === "late" ? lateMs : least + (greatest - least) * latency;
      const source = new FaultyRows(store, rowIds, { fault, waitMs, place });
      const ticket = new StoreTicket(source, counters, prefetchOptions, (one) => {
        open.delete(one);
      });
      open.set(ticket, source);
      return ticket;
    },
    stats: () => counters.snapshot(),
    faults: () => ({ ...counts }),
    close,
    [Symbol.asyncDispose]: close,
  };
}
