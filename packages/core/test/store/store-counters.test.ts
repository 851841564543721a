// Counters start at zero, add up, and give snapshots that stay as they were.

import { describe, expect, it } from "vitest";
import { storeCounters } from "../../src/index.js";

describe("storeCounters", () => {
  it("starts at zero, with a hit counter for each tier named", () => {
    expect(storeCounters(["cache", "file"]).snapshot()).toEqual({
      prefetches: 0,
      rows: 0,
      bytes: 0,
      hits: { cache: 0, file: 0 },
      deadlineMisses: 0,
      zeroedRows: 0,
      failures: 0,
      openTickets: 0,
      latencyMs: { count: 0, p50: 0, p99: 0, max: 0 },
    });
  });

  it("adds up hits by tier, also of tiers not named before", () => {
    const counters = storeCounters(["cache"]);
    counters.hit("cache", 3);
    counters.hit("cache", 4);
    counters.hit("s3", 5);
    expect(counters.snapshot().hits).toEqual({ cache: 7, s3: 5 });
  });

  it("gives the running totals and latencies", () => {
    const counters = storeCounters([]);
    counters.prefetches += 2;
    counters.zeroedRows += 5;
    counters.openTickets++;
    counters.latency(8);
    const { prefetches, zeroedRows, openTickets, latencyMs } = counters.snapshot();
    expect([prefetches, zeroedRows, openTickets]).toEqual([2, 5, 1]);
    expect(latencyMs).toEqual({ count: 1, p50: 8, p99: 8, max: 8 });
  });

  it("gives snapshots that later counting does not change", () => {
    const counters = storeCounters(["cache"]);
    const before = counters.snapshot();
    counters.hit("cache", 1);
    counters.rows += 9;
    counters.latency(1);
    expect(before.hits).toEqual({ cache: 0 });
    expect(before.rows).toBe(0);
    expect(before.latencyMs.count).toBe(0);
  });
});
