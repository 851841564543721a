import { cached, EngramError, type RowStore, type Ticket, tableInfo, type WritableRowStore } from "@engram-ts/core";
import { deterministicRows, runConformance } from "@engram-ts/store-kit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ScriptedOptions, type ScriptedStore, scriptedStore, turn } from "./scripted-store.js";

const TABLE = tableInfo({ rows: 40, encoding: { kind: "fp8-e4m3-e8m0", width: 32 } }); // rows of 33 bytes
const ROWS = deterministicRows(TABLE, 7);
const ids = (...rows: number[]): Uint32Array => Uint32Array.from(rows);
const row = (id: number): Uint8Array => ROWS.slice(id * TABLE.rowBytes, (id + 1) * TABLE.rowBytes);
const pick = (...rows: number[]): number[] => rows.flatMap((id) => [...row(id)]);
const filled = (byte: number): Uint8Array => new Uint8Array(TABLE.rowBytes).fill(byte);

function setUp(slots: number, options: ScriptedOptions = { arrival: "script" }) {
  const inner = scriptedStore(TABLE, ROWS.slice(), options);
  return { inner, store: cached(inner, { bytes: slots * TABLE.rowBytes }) };
}

function gathered(ticket: Ticket): number[] {
  const out = new Uint8Array(ticket.length * TABLE.rowBytes).fill(0xa5);
  ticket.gather(out);
  return [...out];
}

async function read(store: RowStore, inner: ScriptedStore, ...rows: number[]): Promise<number[]> {
  const before = inner.reads.length;
  const ticket = store.prefetch(ids(...rows));
  for (const reading of inner.reads.slice(before)) reading.resolve();
  await ticket.ready;
  const found = gathered(ticket);
  ticket.release();
  return found;
}

async function commit(store: WritableRowStore, rows: number[], byte: number): Promise<void> {
  const transaction = store.begin();
  await transaction.put(Uint32Array.from(rows), new Uint8Array(rows.length * TABLE.rowBytes).fill(byte));
  await transaction.commit();
}

const failure = (message: string) => new EngramError({ code: "io", operation: "test", message, retry: "later" });

describe("what is asked of the store inside", () => {
  test("rows that are there are not asked again, and the ticket is settled at once", async () => {
    const { store, inner } = setUp(8);
    expect(await read(store, inner, 3, 1, 3)).toEqual(pick(3, 1, 3));
    expect(inner.reads.map(({ rowIds }) => [...rowIds])).toEqual([[3, 1]]);
    expect(inner.stats().openTickets).toBe(0);
    const ticket = store.prefetch(ids(1, 3));
    expect(ticket.settled).toBe(true);
    expect(gathered(ticket)).toEqual(pick(1, 3));
    expect(inner.reads).toHaveLength(1);
    expect(store.stats().hits).toEqual({ cache: 3, inner: 2 });
  });

  test("two tickets share the rows that one of them is reading", async () => {
    const { store, inner } = setUp(8);
    const first = store.prefetch(ids(1, 2));
    const second = store.prefetch(ids(2, 3, 1));
    expect(inner.reads.map(({ rowIds }) => [...rowIds])).toEqual([[1, 2], [3]]);
    inner.reads[1]?.resolve();
    await turn();
    expect([first.settled, second.settled]).toEqual([false, false]);
    inner.reads[0]?.resolve();
    await Promise.all([first.ready, second.ready]);
    expect(gathered(second)).toEqual(pick(2, 3, 1));
    expect(gathered(first)).toEqual(pick(1, 2));
  });

  test("priority goes inside; deadlines and signals stay outside", () => {
    const { store, inner } = setUp(8);
    const { signal } = new AbortController();
    store.prefetch(ids(1), { priority: 3, deadlineMs: 60_000, signal }).release();
    expect(inner.reads[0]?.options).toEqual({ priority: 3 });
  });

  test("readings end, and are asked again, when nobody waits any more", async () => {
    const { store, inner } = setUp(8);
    const first = store.prefetch(ids(1));
    const second = store.prefetch(ids(1));
    first.release();
    expect(inner.reads[0]?.released).toBe(false);
    second.release();
    expect(inner.reads[0]?.released).toBe(true);
    expect(await read(store, inner, 1)).toEqual(pick(1));
    expect(inner.reads).toHaveLength(2);
  });
});

describe("a cache that is too small", () => {
  test.each([1, 2, 5])("%d slots: tickets larger than the cache, held while others come", async (slots) => {
    const { store, inner } = setUp(slots);
    const asked = [[0, 1, 2, 3, 2], [4], [0], [5, 6, 0, 39], [39, 38, 39]];
    const tickets = asked.map((rows) => store.prefetch(Uint32Array.from(rows)));
    for (const reading of inner.reads.toReversed()) reading.resolve();
    await Promise.all(tickets.map(({ ready }) => ready));
    tickets.forEach((ticket, i) => {
      expect(gathered(ticket)).toEqual(pick(...(asked[i] ?? [])));
    });
    for (const [i, ticket] of tickets.entries()) {
      ticket.release();
      expect(await read(store, inner, i, 20 + i, i)).toEqual(pick(i, 20 + i, i));
      for (let later = i + 1; later < tickets.length; later++) {
        expect(gathered(tickets[later] as Ticket)).toEqual(pick(...(asked[later] ?? [])));
      }
    }
    expect(inner.stats().openTickets).toBe(0);
  });

  test("a row that found no slot is asked once for its ticket, duplicates or not", () => {
    const { store, inner } = setUp(1);
    store.prefetch(ids(1, 2, 2, 1, 3, 2));
    expect(inner.reads.map(({ rowIds }) => [...rowIds])).toEqual([[1, 2, 3]]);
  });

  test("a row under a ticket is never evicted; one released is", async () => {
    const { store, inner } = setUp(1);
    const held = store.prefetch(ids(7));
    inner.reads[0]?.resolve();
    await held.ready;
    for (const id of [8, 9, 8]) expect(await read(store, inner, id)).toEqual(pick(id));
    expect(inner.reads).toHaveLength(4);
    expect(gathered(held)).toEqual(pick(7));
    held.release();
    expect(await read(store, inner, 8)).toEqual(pick(8));
    expect(inner.reads).toHaveLength(5);
    expect(await read(store, inner, 8)).toEqual(pick(8));
    expect(inner.reads).toHaveLength(5);
  });

  test("second chance: a row found again outlives one that came in and was not", async () => {
    const { store, inner } = setUp(2);
    await read(store, inner, 1);
    await read(store, inner, 2);
    await read(store, inner, 1); // found again
    await read(store, inner, 3); // takes the place of 2
    const before = inner.reads.length;
    await read(store, inner, 1);
    expect(inner.reads.length).toBe(before);
    await read(store, inner, 2);
    expect(inner.reads.length).toBe(before + 1);
  });
});

describe("failures", () => {
  test("a failed reading fails the tickets that needed it, no other, and is asked again", async () => {
    const { store, inner } = setUp(8);
    const first = store.prefetch(ids(1, 2));
    const sharer = store.prefetch(ids(2, 5));
    const other = store.prefetch(ids(5));
    inner.reads[0]?.reject(failure("the disk is gone"));
    inner.reads[1]?.resolve();
    await expect(first.ready).rejects.toMatchObject({ code: "io", retry: "later" });
    await expect(sharer.ready).rejects.toMatchObject({ code: "io" });
    await other.ready;
    expect(gathered(other)).toEqual(pick(5));
    expect(() => gathered(first)).toThrow("the disk is gone");
    expect(store.stats().failures).toBe(2);
    expect(await read(store, inner, 2, 1)).toEqual(pick(2, 1));
    for (const ticket of [first, sharer, other]) ticket.release();
    expect(await read(store, inner, 2, 1, 5)).toEqual(pick(2, 1, 5));
    expect(inner.stats().openTickets).toBe(0);
  });

  test("a ticket that the store inside fails at once fails at once or soon", async () => {
    const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "now" });
    const failing: RowStore = {
      ...inner,
      prefetch: (rowIds, options) => {
        const ticket = inner.prefetch(rowIds, options);
        if (!rowIds.includes(9)) return ticket;
        (ticket as unknown as { fail(error: EngramError): void }).fail(failure("bad sector")); // a StoreTicket
        return ticket;
      },
    };
    const store = cached(failing, { bytes: 4 * TABLE.rowBytes });
    const bad = store.prefetch(ids(1, 9));
    await expect(bad.ready).rejects.toMatchObject({ code: "io" });
    const good = store.prefetch(ids(1));
    expect(gathered(good)).toEqual(pick(1));
  });

  test("an aborted ticket leaves the one that shares its reading alone, and ends what nobody else needs", async () => {
    const { store, inner } = setUp(8);
    const controller = new AbortController();
    const aborted = store.prefetch(ids(1, 2), { signal: controller.signal });
    const sharer = store.prefetch(ids(2));
    const alone = store.prefetch(ids(3), { signal: controller.signal });
    const outcomes = Promise.allSettled([aborted.ready, alone.ready]);
    controller.abort();
    expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(inner.reads.map(({ released }) => released)).toEqual([false, true]);
    inner.reads[0]?.resolve();
    await sharer.ready;
    expect(gathered(sharer)).toEqual(pick(2));
    aborted.release();
    alone.release();
    expect(gathered(sharer)).toEqual(pick(2));
    expect(await read(store, inner, 3)).toEqual(pick(3));
  });

  test("close fails the tickets and ends the readings", async () => {
    const { store, inner } = setUp(8);
    const pending = store.prefetch(ids(1));
    const outcome = expect(pending.ready).rejects.toMatchObject({ code: "store-closed" });
    await store.close();
    await outcome;
    expect(inner.reads[0]?.released).toBe(true);
    pending.release();
    expect(store.stats().openTickets).toBe(0);
  });
});

describe("deadlines", () => {
  test("zeros for the rows that have not come, the others right, and none of the zeros in the cache", async () => {
    const { store, inner } = setUp(8);
    await read(store, inner, 1);
    const ticket = store.prefetch(ids(2, 1, 2), { deadlineMs: 0, onMiss: "zero" });
    expect(inner.reads.at(-1)?.options).toEqual({});
    await ticket.ready;
    const expected = [...filled(0), ...row(1), ...filled(0)];
    expect(gathered(ticket)).toEqual(expected);
    inner.reads.at(-1)?.resolve();
    await turn();
    expect(gathered(ticket)).toEqual(expected); // what comes too late does not change a ticket that is ready
    expect(store.stats()).toMatchObject({ zeroedRows: 2, deadlineMisses: 1 });
    const later = store.prefetch(ids(2));
    expect(later.settled).toBe(true);
    expect(gathered(later)).toEqual(pick(2));
  });

  test("zeros for a ticket that only shares the readings of others", async () => {
    const { store, inner } = setUp(8);
    const first = store.prefetch(ids(2, 3));
    const sharer = store.prefetch(ids(3), { deadlineMs: 0, onMiss: "zero" });
    await sharer.ready;
    inner.reads[0]?.resolve();
    await first.ready;
    expect(gathered(sharer)).toEqual([...filled(0)]);
    expect(gathered(first)).toEqual(pick(2, 3));
  });

  test("rows given as zeros do not stay pinned", async () => {
    const { store, inner } = setUp(2);
    const ticket = store.prefetch(ids(2, 3), { deadlineMs: 0, onMiss: "zero" });
    await ticket.ready;
    inner.reads[0]?.resolve();
    await turn();
    ticket.release();
    await read(store, inner, 8, 9);
    expect(store.prefetch(ids(8, 9)).settled).toBe(true);
  });

  test("an abort after zeros were given does nothing to the ticket", async () => {
    const { store, inner } = setUp(1);
    await read(store, inner, 1);
    const controller = new AbortController();
    const ticket = store.prefetch(ids(1, 2), { deadlineMs: 0, onMiss: "zero", signal: controller.signal });
    await ticket.ready;
    controller.abort();
    await read(store, inner, 5);
    expect(gathered(ticket)).toEqual([...row(1), ...filled(0)]);
  });
});

describe("commits", () => {
  test("later tickets see the new rows, earlier ones the old, ready or not", async () => {
    const { store, inner } = setUp(8);
    await read(store, inner, 1, 2);
    const ready = store.prefetch(ids(1, 2));
    const reading = store.prefetch(ids(3, 1));
    await commit(store, [1, 3], 0x77);
    const later = store.prefetch(ids(1, 2, 3));
    for (const reads of inner.reads) reads.resolve();
    await Promise.all([reading.ready, later.ready]);
    expect(gathered(ready)).toEqual(pick(1, 2));
    expect(gathered(reading)).toEqual(pick(3, 1));
    expect(gathered(later)).toEqual([...filled(0x77), ...row(2), ...filled(0x77)]);
    for (const ticket of [ready, reading, later]) ticket.release();
    expect(await read(store, inner, 3, 1, 2)).toEqual([...filled(0x77), ...filled(0x77), ...row(2)]);
  });

  test("a ticket opened while a commit is under way does not mix old and new rows", async () => {
    const { store, inner } = setUp(8);
    await read(store, inner, 1);
    const transaction = store.begin();
    await transaction.put(ids(1, 2), new Uint8Array(2 * TABLE.rowBytes).fill(0x66));
    const committing = transaction.commit();
    const seen: number[][] = [];
    for (let i = 0; i < 5; i++) {
      seen.push(await read(store, inner, 1, 2));
      await Promise.resolve();
    }
    await committing;
    seen.push(await read(store, inner, 1, 2));
    const after = [...filled(0x66), ...filled(0x66)];
    for (const rows of seen) expect([pick(1, 2), after]).toContainEqual(rows);
    expect(seen.at(-1)).toEqual(after);
  });

  test("an aborted transaction leaves the cache as it is", async () => {
    const { store, inner } = setUp(8);
    await read(store, inner, 1);
    const transaction = store.begin();
    await transaction.put(ids(1), filled(0x55));
    await transaction.abort();
    expect(store.prefetch(ids(1)).settled).toBe(true);
  });
});

test("options that hold no row are refused", () => {
  const inner = scriptedStore(TABLE, ROWS.slice(), { arrival: "now" });
  for (const bytes of [0, -1, TABLE.rowBytes - 1, Number.NaN, Number.POSITIVE_INFINITY]) {
    expect(() => cached(inner, { bytes })).toThrow(/options\.bytes/);
  }
});

// Any interleaving of prefetches, arrivals, failures, aborts, commits and releases, against a plain model: a ticket
// that is ready gives the rows as they stood when it was made.
type Step =
  | { readonly kind: "prefetch"; readonly rows: number[] }
  | { readonly kind: "arrive" | "fail" | "release" | "abort" | "gather"; readonly index: number }
  | { readonly kind: "commit"; readonly rows: number[]; readonly byte: number };

const someRows = fc.array(fc.integer({ min: 0, max: 11 }), { maxLength: 9 });
const index = fc.nat(30);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("prefetch" as const), rows: someRows }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("arrive" as const), index }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("fail" as const), index }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("release" as const), index }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("abort" as const), index }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("gather" as const), index }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("commit" as const),
      rows: someRows,
      byte: fc.integer({ min: 1, max: 255 }),
    }),
  },
);

interface Held {
  readonly ticket: Ticket;
  readonly expected: number[];
  readonly controller: AbortController;
}

test("random interleavings agree with a plain model", async () => {
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 8 }),
    fc.array(step, { maxLength: 60 }),
    async (slots, steps) => {
      const { store, inner } = setUp(slots);
      const model = ROWS.slice();
      const held: Held[] = [];
      const expectRight = ({ ticket, expected }: Held): void => {
        if (ticket.settled && ticket.error === undefined) expect(gathered(ticket)).toEqual(expected);
      };
      for (const action of steps) {
        switch (action.kind) {
          case "prefetch": {
            const expected = action.rows.flatMap((id) => [
              ...model.subarray(id * TABLE.rowBytes, (id + 1) * TABLE.rowBytes),
            ]);
            const controller = new AbortController();
            const ticket = store.prefetch(Uint32Array.from(action.rows), { signal: controller.signal });
            ticket.ready.catch(() => {});
            held.push({ ticket, expected, controller });
            break;
          }
          case "arrive":
            inner.reads[action.index % Math.max(1, inner.reads.length)]?.resolve();
            await turn();
            break;
          case "fail":
            inner.reads[action.index % Math.max(1, inner.reads.length)]?.reject(failure("random"));
            await turn();
            break;
          case "release":
            held.splice(action.index % Math.max(1, held.length), 1)[0]?.ticket.release();
            break;
          case "abort":
            held[action.index % Math.max(1, held.length)]?.controller.abort();
            break;
          case "gather":
            for (const each of held) expectRight(each);
            break;
          case "commit":
            await commit(store, action.rows, action.byte);
            for (const id of action.rows) model.fill(action.byte, id * TABLE.rowBytes, (id + 1) * TABLE.rowBytes);
            break;
        }
      }
      for (const reading of inner.reads) reading.resolve();
      await turn();
      for (const each of held) {
        expect(each.ticket.settled).toBe(true);
        expectRight(each);
        each.ticket.release();
      }
      expect(inner.stats().openTickets).toBe(0);
      expect(store.stats().openTickets).toBe(0);
      // every pin is back: the whole cache can be filled, and is then found
      const all = Array.from({ length: slots }, (_, i) => 20 + i);
      await read(store, inner, ...all);
      expect(store.prefetch(Uint32Array.from(all)).settled).toBe(true);
    },
  );
  await fc.assert(property, { numRuns: 300 });
});

runConformance({ describe, test }, [
  {
    name: "cached over a resident store",
    open: async (table, rows) => cached(scriptedStore(table, rows, { arrival: "now" }), { bytes: 2 ** 16 }),
  },
  {
    name: "cached over a slow store",
    open: async (table, rows) => cached(scriptedStore(table, rows, { arrival: "soon" }), { bytes: 2 ** 16 }),
  },
  {
    name: "cached over a slow read-only store",
    open: async (table, rows) =>
      cached(scriptedStore(table, rows, { arrival: "soon", writable: false }), { bytes: 2 ** 16 }),
  },
  {
    name: "cached, one row",
    open: async (table, rows) => cached(scriptedStore(table, rows, { arrival: "soon" }), { bytes: table.rowBytes }),
  },
  {
    name: "cached in cached",
    open: async (table, rows) => {
      const inner = cached(scriptedStore(table, rows, { arrival: "soon" }), { bytes: 7 * table.rowBytes });
      return cached(inner, { bytes: 3 * table.rowBytes });
    },
  },
]);
