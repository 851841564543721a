import { EngramError, tableInfo, withTimeout } from "@engram-ts/core";
import { deterministicRows, runConformance } from "@engram-ts/store-kit";
import { describe, expect, test } from "vitest";
import { handClock } from "./hand-clock.js";
import { scriptedStore } from "./scripted-store.js";

const TABLE = tableInfo({ rows: 20, encoding: { kind: "f32", width: 2 } });
const ROWS = deterministicRows(TABLE, 5);
const IDS = Uint32Array.of(4, 1, 4);

function setUp(arrival: "script" | "now" = "script") {
  const clock = handClock();
  const inner = scriptedStore(TABLE, ROWS.slice(), { arrival });
  return { clock, inner, store: withTimeout(inner, { timeoutMs: 200, clock }) };
}

test("a reading that takes too long fails with deadline-exceeded and is ended inside", async () => {
  const { clock, inner, store } = setUp();
  const ticket = store.prefetch(IDS);
  const outcome = expect(ticket.ready).rejects.toMatchObject({
    code: "deadline-exceeded",
    retry: "later",
    context: { timeoutMs: 200, rows: 3 },
  });
  await clock.advance(199);
  expect([ticket.settled, inner.reads[0]?.released]).toEqual([false, false]);
  await clock.advance(1);
  await outcome;
  expect(inner.reads[0]?.released).toBe(true);
  expect(() => ticket.gather(new Uint8Array(24))).toThrow(/200 ms/);
  ticket.release();
  expect(inner.stats().openTickets).toBe(0);
  expect(store.stats()).toMatchObject({ failures: 1, openTickets: 0 });
});

test("a reading in time, one that fails, one released and one that is there leave no timer", async () => {
  const { clock, inner, store } = setUp();
  const inTime = store.prefetch(IDS);
  const failing = store.prefetch(IDS);
  const released = store.prefetch(IDS);
  inner.reads[0]?.resolve();
  inner.reads[1]?.reject(new EngramError({ code: "io", operation: "test", message: "reset" }));
  await inTime.ready;
  await expect(failing.ready).rejects.toMatchObject({ code: "io", retry: "never" });
  released.release();
  expect(clock.due).toEqual([]);
  const resident = setUp("now");
  expect(resident.store.prefetch(IDS).settled).toBe(true);
  expect(resident.clock.due).toEqual([]);
});

test("a timeout out of range is refused", () => {
  const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "now" });
  for (const timeoutMs of [0, -1, Number.NaN, 2 ** 31]) {
    expect(() => withTimeout(inner, { timeoutMs })).toThrow(/timeoutMs/);
  }
});

runConformance({ describe, test }, [
  {
    name: "withTimeout over a resident store",
    open: async (table, rows) => withTimeout(scriptedStore(table, rows, { arrival: "now" }), { timeoutMs: 60_000 }),
  },
  {
    name: "withTimeout over a slow store",
    open: async (table, rows) => withTimeout(scriptedStore(table, rows, { arrival: "soon" }), { timeoutMs: 60_000 }),
  },
]);
