// The conformance suite on stacks of wrappers, as users build them.

import {
  cached,
  digestRows,
  memoryRowCache,
  observed,
  type RowStore,
  sharded,
  type TableInfo,
  tiered,
  verified,
  withRetry,
  withTimeout,
} from "@engram-ts/core";
import { runConformance } from "@engram-ts/store-kit";
import { describe, test } from "vitest";
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
