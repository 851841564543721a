// The counters behind `RowStore.stats()`, kept by tickets and stores alike. Recording allocates nothing.

import { latencyHistogram } from "./latency.js";
import type { StoreStats } from "./row-store.js";

/** Running totals of one store; the fields are those of {@link StoreStats}. */
export interface StoreCounters {
  prefetches: number;
  rows: number;
  bytes: number;
  deadlineMisses: number;
  zeroedRows: number;
  failures: number;
  openTickets: number;
  /** Adds rows served by a tier. */
  hit(tier: string, rows: number): void;
  /** Adds the time from prefetch to settled, in milliseconds. */
  latency(ms: number): void;
  /** A copy of the totals. */
  snapshot(): StoreStats;
}

/** Counters at zero, with a hit counter for each tier named. */
export function storeCounters(tiers: readonly string[]): StoreCounters {
  const hits: Record<string, number> = Object.fromEntries(tiers.map((tier) => [tier, 0]));
  const histogram = latencyHistogram();
  return {
    prefetches: 0,
    rows: 0,
    bytes: 0,
    deadlineMisses: 0,
    zeroedRows: 0,
    failures: 0,
    openTickets: 0,
    hit(tier, rows) {
      hits[tier] = (hits[tier] ?? 0) + rows;
    },
    latency: (ms) => histogram.record(ms),
    snapshot() {
      const { prefetches, rows, bytes, deadlineMisses, zeroedRows, failures, openTickets } = this;
      return {
        prefetches,
        rows,
        bytes,
        hits: { ...hits },
        deadlineMisses,
        zeroedRows,
        failures,
        openTickets,
        latencyMs: histogram.summary(),
      };
    },
  };
}
