import { channel } from "node:diagnostics_channel";
import { EngramError, observed, type StoreEvent, tableInfo } from "@engram-ts/core";
import { deterministicRows, runConformance } from "@engram-ts/store-kit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scriptedStore, turn } from "./scripted-store.js";

const TABLE = tableInfo({ rows: 600_000, encoding: { kind: "fp8-e4m3", width: 1, scale: 1 } });
const ROWS = deterministicRows(TABLE, 5);

function setUp(arrival: "now" | "script") {
  const events: StoreEvent[] = [];
  const inner = scriptedStore(TABLE, ROWS, { arrival });
  const store = observed(inner, { channel: (event) => events.push(event) });
  return { events, inner, store };
}

test("an event for each prefetch and for how it ended", async () => {
  const { events, inner, store } = setUp("script");
  const first = store.prefetch(Uint32Array.of(1, 2), { deadlineMs: 60_000, priority: 1 });
  const second = store.prefetch(Uint32Array.of(3));
  const third = store.prefetch(Uint32Array.of(3));
  inner.reads[1]?.reject(new EngramError({ code: "io", operation: "test", message: "reset", retry: "later" }));
  await turn();
  inner.reads[0]?.resolve();
  await turn();
  third.release();
  await turn();
  expect(events).toMatchObject([
    { type: "prefetch", id: 0, rows: 2, deadlineMs: 60_000, priority: 1 },
    { type: "prefetch", id: 1, rows: 1 },
    { type: "prefetch", id: 2, rows: 1 },
    { type: "failed", id: 1, rows: 1, code: "io", retry: "later" },
    { type: "settled", id: 0, rows: 2, atOnce: false },
    { type: "failed", id: 2, code: "ticket-released" },
  ]);
  for (const event of events) if ("ms" in event) expect(event.ms).toBeGreaterThanOrEqual(0);
  first.release();
  second.release();
});

test("rows that are there settle at once; a refused prefetch is no event", () => {
  const { events, store } = setUp("now");
  expect(() => store.prefetch(Uint32Array.of(TABLE.rows))).toThrow(/row id/);
  store.prefetch(Uint32Array.of(7)).release();
  store.prefetch(Uint32Array.of(7), { signal: AbortSignal.abort() }).release();
  expect(events).toMatchObject([
    { type: "prefetch", id: 0 },
    { type: "settled", id: 0, atOnce: true },
    { type: "prefetch", id: 1 },
    { type: "failed", id: 1, code: "aborted" },
  ]);
});

test("events reach a channel of node:diagnostics_channel", () => {
  const events = channel("engram-ts.store.test");
  const received: unknown[] = [];
  const listener = (event: unknown): void => {
    received.push(event);
  };
  events.subscribe(listener);
  const inner = scriptedStore(TABLE, ROWS, { arrival: "now" });
  observed(inner, { channel: (event) => events.publish(event) })
    .prefetch(Uint32Array.of(7))
    .release();
  events.unsubscribe(listener);
  expect(received).toMatchObject([{ type: "prefetch" }, { type: "settled" }]);
});

test("a sink that throws is reported and does not disturb the store", async () => {
  const reported: unknown[] = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.on("uncaughtException", (error) => reported.push(error));
  try {
    const broken = new Error("broken sink");
    const store = observed(scriptedStore(TABLE, ROWS, { arrival: "now" }), {
      channel: () => {
        throw broken;
      },
    });
    const ticket = store.prefetch(Uint32Array.of(7));
    expect(ticket.settled).toBe(true);
    await turn();
    await turn();
    expect(reported).toEqual([broken, broken]);
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of listeners) process.on("uncaughtException", listener);
  }
});

test("without a sink the tickets are those of the store inside", () => {
  const inner = scriptedStore(TABLE, ROWS, { arrival: "now" });
  const tickets: unknown[] = [];
  const store = observed({
    ...inner,
    prefetch(rowIds, options) {
      const ticket = inner.prefetch(rowIds, options);
      tickets.push(ticket);
      return ticket;
    },
  });
  expect([store.prefetch(Uint32Array.of(7))]).toEqual(tickets);
  expect(store.stats().distinctRows).toBeUndefined();
});

test("different rows are counted exactly, over pages and their edges", () => {
  const edges = [0, 1, 31, 32, 2 ** 18 - 1, 2 ** 18, 2 ** 18 + 1, 2 ** 19, TABLE.rows - 1];
  const row = fc.oneof(fc.constantFrom(...edges), fc.nat(TABLE.rows - 1));
  const property = fc.property(fc.array(fc.array(row, { maxLength: 30 }), { maxLength: 8 }), (batches) => {
    const store = observed(scriptedStore(TABLE, ROWS, { arrival: "now" }), { distinctRows: true });
    for (const batch of batches) store.prefetch(Uint32Array.from(batch)).release();
    expect(store.stats().distinctRows).toBe(new Set(batches.flat()).size);
  });
  fc.assert(property, { numRuns: 50 });
});

runConformance({ describe, test }, [
  {
    name: "observed, everything on, over a slow store",
    open: async (table, rows) =>
      observed(scriptedStore(table, rows, { arrival: "soon" }), { channel: () => {}, distinctRows: true }),
  },
  {
    name: "observed, nothing on, over a resident store",
    open: async (table, rows) => observed(scriptedStore(table, rows, { arrival: "now" })),
  },
]);
