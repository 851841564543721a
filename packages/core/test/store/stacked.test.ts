// The conformance suite on stacks of wrappers, as users build them, and one such stack over a store and caches that fail.

import {
  cached,
  digestRows,
  EngramError,
  isEngramError,
  memoryRowCache,
  observed,
  type RowCache,
  type RowStore,
  sharded,
  type TableInfo,
  type Ticket,
  type TimeSource,
  tableInfo,
  tiered,
  verified,
  withRetry,
  withTimeout,
} from "@engram-ts/core";
import { deterministicRows, findWrongRow, runConformance } from "@engram-ts/store-kit";
import { describe, expect, test } from "vitest";
import { scriptedStore } from "./scripted-store.js";

/** The table in two halves, each behind retries and a time limit; a table of one row in one. */
function halves(table: TableInfo, rows: Uint8Array): RowStore {
  const middle = Math.ceil(table.rows / 2);
  const ranges = [
    [0, middle],
    [middle, table.rows],
  ] as const;
  const stores = ranges
    .filter(([start, end]) => end > start)
    .map(([start, end]) => {
      const part = rows.slice(start * table.rowBytes, end * table.rowBytes);
      const store = scriptedStore({ ...table, rows: end - start }, part, { arrival: "soon" });
      return withRetry(withTimeout(store, { timeoutMs: 60_000 }));
    });
  return sharded(stores);
}

runConformance({ describe, test }, [
  {
    name: "observed > cached > tiered > verified > sharded > withRetry > withTimeout",
    open: async (table, rows) => {
      const digests = await digestRows(table, [rows], { blockRows: 4 });
      const caches = [memoryRowCache({ table, bytes: 20 * table.rowBytes })];
      const store = tiered(caches, verified(halves(table, rows), digests));
      return observed(cached(store, { bytes: 9 * table.rowBytes }), { distinctRows: true, channel: () => {} });
    },
  },
  {
    name: "observed > cached > withRetry > withTimeout, writable",
    open: async (table, rows) => {
      const slow = scriptedStore(table, rows, { arrival: "soon" });
      const store = withRetry(withTimeout(slow, { timeoutMs: 60_000 }));
      return observed(cached(store, { bytes: 5 * table.rowBytes }), { distinctRows: true });
    },
  },
  {
    name: "withTimeout > withRetry > cached, writable, resident",
    open: async (table, rows) => {
      const store = cached(scriptedStore(table, rows, { arrival: "now" }), { bytes: 5 * table.rowBytes });
      return withTimeout(withRetry(store), { timeoutMs: 60_000 });
    },
  },
]);

/** Random numbers from 0 to below 1, the same for the same seed. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Timers fall due in the next turn of the event loop, however long they are. */
const hurried: TimeSource = {
  now: () => 0,
  after(_, run) {
    const timer = setImmediate(run);
    return () => clearImmediate(timer);
  },
};

/** A store that fails, and gives wrong bits, in these shares of its tickets. */
function flaky(store: RowStore, random: () => number, shares: { fails: number; damages: number }): RowStore {
  return {
    ...store,
    prefetch(rowIds, options) {
      const ticket = store.prefetch(rowIds, options);
      const damaged = random() < shares.damages ? Math.floor(random() * rowIds.length * store.table.rowBytes) : -1;
      const failed = random() < shares.fails;
      const reset = (): never => {
        throw new EngramError({ code: "io", operation: "flaky", message: "connection reset", retry: "later" });
      };
      const ready = failed ? ticket.ready.then(reset) : ticket.ready;
      ready.catch(() => {});
      const broken: Ticket = {
        length: ticket.length,
        settled: false,
        ready,
        gather(out) {
          ticket.gather(out);
          if (damaged >= 0) out[damaged] = (out[damaged] ?? 0) ^ 4;
        },
        decode: () => reset(),
        release: () => ticket.release(),
      };
      return broken;
    },
  };
}

test.each([1, 2, 3])(
  "a store that fails and damages rows: right rows or a typed error, never a wrong row (seed %d)",
  async (seed) => {
    const table = tableInfo({ rows: 400, encoding: { kind: "bf16", width: 8 } });
    const rows = deterministicRows(table, seed);
    const random = seeded(seed);
    const digests = await digestRows(table, [rows], { blockRows: 8 });
    const inner = scriptedStore(table, rows, { arrival: "soon" });
    const source = verified(flaky(inner, random, { fails: 0.2, damages: 0.2 }), { ...digests, verify: "every-read" });
    const memory = memoryRowCache({ table, bytes: 50 * table.rowBytes });
    const cache: RowCache = {
      ...memory,
      lookup: async (...args) => {
        if (random() < 0.3) throw new Error("map is full");
        return memory.lookup(...args);
      },
      fill: async (...args) => {
        if (random() < 0.3) throw new Error("disk full");
        await memory.fill(...args);
      },
    };
    const retried = withRetry(source, { attempts: 3, clock: hurried, random, budget: { tokens: 1e6 } });
    const store = cached(tiered([cache], retried), { bytes: 30 * table.rowBytes });
    const outcomes = { right: 0, failed: 0, aborted: 0 };
    const read = async (): Promise<void> => {
      const rowIds = Uint32Array.from({ length: 12 }, () => Math.floor(random() ** 2 * table.rows));
      const controller = new AbortController();
      const ticket = store.prefetch(rowIds, { signal: controller.signal });
      const ready = ticket.ready;
      if (random() < 0.05) controller.abort();
      try {
        await ready;
        const out = new Uint8Array(rowIds.length * table.rowBytes);
        ticket.gather(out);
        expect(findWrongRow(table, seed, rowIds, out)).toBe(-1);
        outcomes.right++;
      } catch (error) {
        if (!isEngramError(error)) throw error;
        if (error.code === "aborted") outcomes.aborted++;
        else {
          expect(["io", "digest-mismatch"]).toContain(error.code);
          expect(error.retry).toBe("gave-up");
          outcomes.failed++;
        }
      }
      ticket.release();
    };
    for (let i = 0; i < 100; i++) await Promise.all(Array.from({ length: 10 }, read));
    expect(outcomes.right).toBeGreaterThan(500);
    expect(outcomes.failed).toBeGreaterThan(0);
    expect(outcomes.aborted).toBeGreaterThan(0);
    expect([store.stats().openTickets, inner.stats().openTickets]).toEqual([0, 0]);
    await store.close();
  },
);
