// What a store says of itself: its table, its capabilities, and counters that add up.

import { type CaseDefinition, COMMON_BATCH, read, settle } from "../conformance-case.js";
import { expectSame, expectThat } from "../expectations.js";

const trait = "described";
const IDS = Uint32Array.of(1, 2, 2, 60);

export const describedCases: readonly CaseDefinition[] = [
  {
    trait,
    name: "table is the table that was opened",
    run: ({ store, table }) => {
      expectSame(store.table.rows, table.rows, "table.rows");
      expectSame(store.table.rowBytes, table.rowBytes, "table.rowBytes");
      expectSame(store.table.encoding.kind, table.encoding.kind, "table.encoding.kind");
      expectSame(store.table.encoding.width, table.encoding.width, "table.encoding.width");
      return Promise.resolve();
    },
  },
  {
    trait,
    name: "capabilities are whole, at most 8, and true of the store's shape",
    run: ({ store }) => {
      const { maxBatch, resident, writable, durable } = store.capabilities;
      expectThat(Number.isSafeInteger(maxBatch), `maxBatch is ${maxBatch}; it must be a whole number`);
      expectThat(maxBatch >= COMMON_BATCH, `maxBatch is ${maxBatch}; one token can need ${COMMON_BATCH} rows`);
      for (const flag of [resident, writable, durable]) expectSame(typeof flag, "boolean", "a capability");
      expectThat(Object.keys(store.capabilities).length <= 8, "at most 8 capabilities");
      const hasBegin = "begin" in store && typeof store.begin === "function";
      expectThat(!writable || hasBegin, "capabilities.writable needs a method begin");
      return Promise.resolve();
    },
  },
  {
    trait,
    name: "counters start at zero",
    run: ({ store }) => {
      const { hits, latencyMs, distinctRows, ...counters } = store.stats();
      for (const [name, value] of Object.entries(counters)) expectSame(value, 0, `stats().${name}`);
      for (const [tier, rows] of Object.entries(hits)) expectSame(rows, 0, `stats().hits.${tier}`);
      expectSame(latencyMs.count, 0, "stats().latencyMs.count");
      expectSame(distinctRows ?? 0, 0, "stats().distinctRows");
      return Promise.resolve();
    },
  },
  {
    trait,
    name: "prefetches, rows and bytes add up, duplicates counted, gathers not",
    run: async ({ store, table }) => {
      await read(store, IDS);
      const ticket = store.prefetch(Uint32Array.of(9));
      await settle(ticket);
      for (let i = 0; i < 3; i++) ticket.gather(new Uint8Array(table.rowBytes));
      await read(store, new Uint32Array(0));
      const stats = store.stats();
      expectSame(stats.prefetches, 3, "prefetches");
      expectSame(stats.rows, 5, "rows");
      expectSame(stats.bytes, 5 * table.rowBytes, "bytes");
      expectSame(stats.openTickets, 1, "openTickets");
      expectSame(stats.failures, 0, "failures");
      if (stats.distinctRows !== undefined) expectSame(stats.distinctRows, 4, "distinctRows");
      ticket.release();
      expectSame(store.stats().openTickets, 0, "openTickets after release");
    },
  },
  {
    trait,
    name: "every row served is counted for a tier",
    run: async ({ store }) => {
      await read(store, IDS);
      const { hits } = store.stats();
      const served = Object.values(hits).reduce((sum, rows) => sum + rows, 0);
      expectThat(served >= 1 && served <= IDS.length, `hits sum to ${served} of ${IDS.length} rows asked for`);
    },
  },
  {
    trait,
    name: "latency is recorded for tickets that had to wait",
    run: async ({ store }) => {
      const ticket = store.prefetch(IDS);
      const atOnce = ticket.settled;
      await settle(ticket);
      ticket.release();
      const { count, p50, p99, max } = store.stats().latencyMs;
      expectSame(count, atOnce ? 0 : 1, "latencyMs.count");
      expectThat(p50 <= p99 && p99 <= max, "p50 <= p99 <= max");
    },
  },
  {
    trait,
    name: "stats is a snapshot: what was read before does not change",
    run: async ({ store }) => {
      const before = store.stats();
      await read(store, IDS);
      expectSame(store.stats().rows, IDS.length, "rows of the later snapshot");
      expectSame(before.rows, 0, "rows of the earlier snapshot");
      expectSame(
        Object.values(before.hits).reduce((sum, rows) => sum + rows, 0),
        0,
        "hits of the earlier snapshot",
      );
    },
  },
];
