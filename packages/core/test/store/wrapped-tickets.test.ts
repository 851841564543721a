import { getEventListeners } from "node:events";
import { cached, type RowStore, sharded, tableInfo, tiered, withRetry, withTimeout } from "@engram-ts/core";
import { describe, expect, test } from "vitest";
import { handClock } from "./hand-clock.js";
import { type ScriptedStore, scriptedStore, turn } from "./scripted-store.js";

const TABLE = tableInfo({ rows: 8, encoding: { kind: "f32", width: 1 } });
const wrappers: [string, (store: RowStore) => RowStore][] = [
  ["cached", (store) => cached(store, { bytes: 16 })],
  ["tiered", (store) => tiered([], store)],
  ["sharded", (store) => sharded([store])],
  ["withRetry", (store) => withRetry(store, { clock: handClock() })],
  ["withTimeout", (store) => withTimeout(store, { timeoutMs: 60_000, clock: handClock() })],
];

describe.each(wrappers)("%s leaves no listener on a signal that lives on", (_, wrap) => {
  const setUp = (): { inner: ScriptedStore; store: RowStore; signal: AbortSignal } => {
    const inner = scriptedStore(TABLE, new Uint8Array(32), { arrival: "script" });
    return { inner, store: wrap(inner), signal: new AbortController().signal };
  };

  test("when the rows have come", async () => {
    const { inner, store, signal } = setUp();
    const ticket = store.prefetch(Uint32Array.of(1), { signal });
    inner.reads[0]?.resolve();
    await ticket.ready;
    await turn();
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("when the ticket was released while it was read", () => {
    const { store, signal } = setUp();
    store.prefetch(Uint32Array.of(1), { signal }).release();
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("when the store was closed, and the ticket released", async () => {
    const { store, signal } = setUp();
    const ticket = store.prefetch(Uint32Array.of(1), { signal });
    ticket.ready.catch(() => {});
    await store.close();
    ticket.release();
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});
