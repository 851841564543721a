import { EngramError, memoryRowCache, type RowCache, type Ticket, tableInfo, tiered } from "@engram-ts/core";
import { deterministicRows, runConformance } from "@engram-ts/store-kit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scriptedStore, turn } from "./scripted-store.js";

const TABLE = tableInfo({ rows: 40, encoding: { kind: "int8", width: 12 } });
const ROWS = deterministicRows(TABLE, 3);
const ids = (...rows: number[]): Uint32Array => Uint32Array.from(rows);
const pick = (...rows: number[]): number[] =>
  rows.flatMap((id) => [...ROWS.subarray(id * TABLE.rowBytes, (id + 1) * TABLE.rowBytes)]);
const memory = (slots: number, name = "memory"): RowCache =>
  memoryRowCache({ table: TABLE, bytes: slots * TABLE.rowBytes, name });

function gathered(ticket: Ticket): number[] {
  const out = new Uint8Array(ticket.length * TABLE.rowBytes).fill(0xa5);
  ticket.gather(out);
  return [...out];
}

/** A cache whose lookups and fills answer when the test says so. */
function slowCache(inside: RowCache) {
  const pending: (() => void)[] = [];
  const gate = (): Promise<void> =>
    new Promise((resolve) => {
      pending.push(resolve);
    });
  const cache: RowCache = {
    ...inside,
    lookup: async (rowIds, out, found) => {
      await gate();
      return inside.lookup(rowIds, out, found);
    },
    fill: async (rowIds, rows) => {
      await gate();
      await inside.fill(rowIds, rows);
    },
  };
  const step = async (): Promise<void> => {
    pending.shift()?.();
    await turn();
  };
  return { cache, pending, step };
}

describe("rows come from the first tier that has them", () => {
  test("the store is asked for the rest, and fast tiers are filled from it", async () => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "now" });
    const fast = memory(4, "fast");
    const slow = memory(40, "slow");
    const store = tiered([fast, slow], inner);
    const first = store.prefetch(ids(1, 2, 1, 3));
    expect(first.settled).toBe(true);
    expect(gathered(first)).toEqual(pick(1, 2, 1, 3));
    first.release();
    await store.filled();
    store.prefetch(ids(7, 8, 9, 10)).release(); // pushes 1, 2, 3 out of the fast tier
    await store.filled();
    const again = store.prefetch(ids(2, 8, 30, 2));
    expect(gathered(again)).toEqual(pick(2, 8, 30, 2));
    expect(inner.reads.map(({ rowIds }) => [...rowIds])).toEqual([[1, 2, 3], [7, 8, 9, 10], [30]]);
    expect(store.stats().hits).toEqual({ fast: 1, slow: 1, inner: 8 });
    await store.filled();
    expect(store.tierStats()).toMatchObject([
      { name: "fast", filledRows: 9, hits: 1, failures: 0 },
      { name: "slow", filledRows: 8, hits: 1, failures: 0 },
    ]);
    expect(inner.stats().openTickets).toBe(0);
  });

  test("a tier that answers later is waited for, then the store", async () => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "script" });
    const { cache, step } = slowCache(memory(40));
    const store = tiered([cache], inner);
    const ticket = store.prefetch(ids(5, 6));
    expect([ticket.settled, inner.reads.length]).toEqual([false, 0]);
    await step();
    expect([ticket.settled, inner.reads.length]).toEqual([false, 1]);
    inner.reads[0]?.resolve();
    await ticket.ready;
    expect(gathered(ticket)).toEqual(pick(5, 6));
  });

  test("a released ticket is not read on", async () => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "script" });
    const { cache, step } = slowCache(memory(40));
    const store = tiered([cache], inner);
    const controller = new AbortController();
    const aborted = store.prefetch(ids(5), { signal: controller.signal });
    const outcome = expect(aborted.ready).rejects.toMatchObject({ code: "aborted" });
    controller.abort();
    await outcome;
    await step();
    expect(inner.reads).toHaveLength(0);
  });
});

describe("caches that fail", () => {
  const failures: [string, RowCache["lookup"]][] = [
    [
      "throws",
      () => {
        throw new Error("map is full");
      },
    ],
    [
      "rejects after writing garbage",
      async (_, out, found) => {
        out.fill(0xee);
        found.fill(1);
        await turn();
        throw new Error("short read");
      },
    ],
    [
      "counts other rows than it marks",
      (_, out, found) => {
        out.fill(0xee);
        found.fill(1);
        return 1;
      },
    ],
    [
      "answers nothing",
      (_, out) => {
        out.fill(0xee);
        return Number.NaN;
      },
    ],
  ];
  test.each(failures)("one that %s is passed over and counted", async (_, lookup) => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "soon" });
    const store = tiered([{ ...memory(40, "bad"), lookup }, memory(40, "good")], inner);
    for (let i = 1; i <= 2; i++) {
      const ticket = store.prefetch(ids(3, 0, 3));
      await ticket.ready;
      expect(gathered(ticket)).toEqual(pick(3, 0, 3));
      ticket.release();
      await store.filled();
      expect(store.tierStats()[0]).toMatchObject({ name: "bad", failures: i, hits: 0 });
    }
    expect(inner.reads).toHaveLength(1);
    expect(store.stats()).toMatchObject({ failures: 0, hits: { good: 2 } });
  });

  test("fills that fail are counted and fail nothing", async () => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "now" });
    const fill = (): Promise<void> => Promise.reject(new Error("disk full"));
    const store = tiered([{ ...memory(40), fill }], inner);
    const ticket = store.prefetch(ids(3));
    await store.filled();
    expect(gathered(ticket)).toEqual(pick(3));
    expect(store.tierStats()[0]).toMatchObject({ fillFailures: 1, filledRows: 0 });
  });

  test("a failing store fails the ticket, and its rows are asked again", async () => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "script" });
    const store = tiered([memory(40)], inner);
    const ticket = store.prefetch(ids(3));
    inner.reads[0]?.reject(new EngramError({ code: "io", operation: "test", message: "reset", retry: "later" }));
    await expect(ticket.ready).rejects.toMatchObject({ code: "io", retry: "later" });
    const again = store.prefetch(ids(3));
    inner.reads[1]?.resolve();
    await again.ready;
    expect(gathered(again)).toEqual(pick(3));
  });
});

describe("fills", () => {
  test("a slow fill delays no ticket; what does not fit into the queue is dropped and counted", async () => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "now" });
    const inside = memory(40);
    const { cache, pending, step } = slowCache(inside);
    const store = tiered([{ ...cache, lookup: inside.lookup }], inner, { fillQueueBytes: 5 * TABLE.rowBytes });
    for (const rows of [[0, 1], [2, 3], [4, 5, 6], [7]]) {
      const ticket = store.prefetch(Uint32Array.from(rows));
      expect(gathered(ticket)).toEqual(pick(...rows));
      ticket.release();
    }
    await turn();
    expect(pending).toHaveLength(1);
    expect(store.tierStats()[0]).toMatchObject({ filledRows: 0, droppedRows: 3 });
    for (let i = 0; i < 3; i++) await step();
    await store.filled();
    expect(store.tierStats()[0]).toMatchObject({ filledRows: 5, droppedRows: 3 });
    const ticket = store.prefetch(ids(0, 1, 2, 3, 4));
    expect(gathered(ticket)).toEqual(pick(0, 1, 2, 3, 4));
    expect(store.stats().hits).toEqual({ memory: 5, inner: 8 });
  });

  test("close abandons what waits and waits for what is being written", async () => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "now" });
    const inside = memory(40);
    const { cache, step } = slowCache(inside);
    const store = tiered([{ ...cache, lookup: inside.lookup }], inner);
    store.prefetch(ids(0)).release();
    store.prefetch(ids(1)).release();
    await turn();
    let closed = false;
    const closing = store.close().then(() => {
      closed = true;
    });
    await turn();
    expect(closed).toBe(false);
    await step();
    await closing;
    expect(inside.stats().filled).toBe(1);
    expect(store.tierStats()[0]).toMatchObject({ filledRows: 1, droppedRows: 1 });
  });

  test("no queue, no fills", () => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "now" });
    const store = tiered([memory(40)], inner, { fillQueueBytes: 0 });
    store.prefetch(ids(0)).release();
    expect(store.tierStats()[0]).toMatchObject({ filledRows: 0, droppedRows: 1 });
  });
});

test("at a deadline, rows of the fast tier are right, those that have not come zeros, and stay so", async () => {
  const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "script" });
  const fast = memory(40);
  await fast.fill(ids(1), Uint8Array.from(pick(1)));
  const store = tiered([fast], inner);
  const ticket = store.prefetch(ids(2, 1, 2), { deadlineMs: 0, onMiss: "zero" });
  expect(inner.reads[0]?.options).toEqual({});
  await ticket.ready;
  const zeros = new Array<number>(TABLE.rowBytes).fill(0);
  const expected = [...zeros, ...pick(1), ...zeros];
  expect(gathered(ticket)).toEqual(expected);
  inner.reads[0]?.resolve();
  await turn();
  expect(gathered(ticket)).toEqual(expected);
  expect(store.stats()).toMatchObject({ zeroedRows: 2, deadlineMisses: 1 });
  await store.filled();
  const later = store.prefetch(ids(2));
  expect(gathered(later)).toEqual(pick(2));
});

test("a cache of another table is refused", () => {
  const inner = scriptedStore({ ...TABLE, digest: "sha256:aa" }, ROWS.slice(), { arrival: "now" });
  const others = [
    { ...TABLE, rows: 39 },
    tableInfo({ rows: 40, encoding: { kind: "int8", width: 13 } }),
    { ...TABLE, digest: "sha256:bb" },
  ];
  for (const table of others) {
    expect(() => tiered([memoryRowCache({ table, bytes: 1000 })], inner)).toThrow(/memory holds/);
  }
  expect(() => tiered([memory(1)], inner, { fillQueueBytes: -1 })).toThrow(/fillQueueBytes/);
  expect(() => tiered([memory(1)], inner)).not.toThrow();
});

test("random batches over random tiers agree with the rows", async () => {
  const tier = fc.record({ slots: fc.integer({ min: 1, max: 12 }), slow: fc.boolean(), fails: fc.boolean() });
  const batches = fc.array(fc.array(fc.nat(39), { maxLength: 12 }), { maxLength: 12 });
  const property = fc.asyncProperty(fc.array(tier, { maxLength: 3 }), batches, async (tiers, asked) => {
    const caches = tiers.map(({ slots, slow, fails }, i): RowCache => {
      const inside = memory(slots, `tier ${i}`);
      let calls = 0;
      const lookup: RowCache["lookup"] = (rowIds, out, found) => {
        if (fails && calls++ % 2 === 0) throw new Error("now and then");
        return inside.lookup(rowIds, out, found);
      };
      return { ...inside, lookup: slow ? async (...args) => lookup(...args) : lookup };
    });
    const store = tiered(caches, scriptedStore(TABLE, ROWS.slice(), { arrival: "soon" }));
    const tickets = asked.map((rows) => store.prefetch(Uint32Array.from(rows)));
    for (const [i, rows] of asked.entries()) {
      for (const ticket of [tickets[i], store.prefetch(Uint32Array.from(rows))]) {
        await ticket?.ready;
        expect(ticket && gathered(ticket)).toEqual(pick(...rows));
        ticket?.release();
      }
    }
    await store.close();
    expect(store.stats().openTickets).toBe(0);
  });
  await fc.assert(property, { numRuns: 60 });
});

runConformance({ describe, test }, [
  {
    name: "tiered, no cache",
    open: async (table, rows) => tiered([], scriptedStore(table, rows, { arrival: "now" })),
  },
  {
    name: "tiered, two caches over a slow store",
    open: async (table, rows) => {
      const fast = memoryRowCache({ table, bytes: 5 * table.rowBytes, name: "fast" });
      const slow = memoryRowCache({ table, bytes: 20 * table.rowBytes, name: "slow" });
      const later: RowCache = { ...slow, lookup: async (...args) => slow.lookup(...args) };
      return tiered([fast, later], scriptedStore(table, rows, { arrival: "soon" }));
    },
  },
]);
