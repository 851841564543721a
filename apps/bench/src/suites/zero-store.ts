// A store of any size whose rows are all zeros and take no place: for counting what a cache in front of it holds. Times of
// it mean nothing.

import type { RowStore, StoreStats, TableInfo, Ticket } from "@engram-ts/core";

/** The store. */
export function zeroStore(table: TableInfo): RowStore {
  const stats: StoreStats = {
    prefetches: 0,
    rows: 0,
    bytes: 0,
    hits: {},
    deadlineMisses: 0,
    zeroedRows: 0,
    failures: 0,
    openTickets: 0,
    latencyMs: { count: 0, p50: 0, p99: 0, max: 0 },
  };
  return {
    table,
    capabilities: { maxBatch: 2 ** 22, resident: true, writable: false, durable: false },
    prefetch: ({ length }): Ticket => ({
      length,
      settled: true,
      ready: Promise.resolve(),
      gather: (out) => void out.fill(0),
      decode: (out) => void out.fill(0),
      release: () => undefined,
    }),
    stats: () => stats,
    close: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
