import { EngramError, type RowStore, sharded, type Ticket, tableInfo } from "@engram-ts/core";
import { deterministicRows, runConformance } from "@engram-ts/store-kit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ScriptedOptions, scriptedStore } from "./scripted-store.js";

const ENCODING = { kind: "f16", width: 3 } as const;
const TABLE = tableInfo({ rows: 30, encoding: ENCODING });
const ROWS = deterministicRows(TABLE, 5);
const pick = (rows: readonly number[]): number[] =>
  rows.flatMap((id) => [...ROWS.subarray(id * TABLE.rowBytes, (id + 1) * TABLE.rowBytes)]);

/** The table cut after these rows. */
function shards(cuts: readonly number[], options: ScriptedOptions = { arrival: "script" }) {
  const edges = [0, ...cuts, TABLE.rows];
  return edges.slice(1).map((end, i) => {
    const start = edges[i] ?? 0;
    const table = tableInfo({ rows: end - start, encoding: ENCODING });
    const rows = ROWS.slice(start * TABLE.rowBytes, end * TABLE.rowBytes);
    return scriptedStore(table, rows, { tier: `shard ${i}`, ...options });
  });
}

function gathered(ticket: Ticket): number[] {
  const out = new Uint8Array(ticket.length * TABLE.rowBytes).fill(0xa5);
  ticket.gather(out);
  return [...out];
}

test("rows go to the store of their range, order and duplicates kept", async () => {
  const stores = shards([10, 11]);
  const store = sharded(stores);
  expect(store.table).toEqual(TABLE);
  const asked = [29, 0, 10, 9, 10, 11, 29];
  const ticket = store.prefetch(Uint32Array.from(asked));
  expect(stores.map(({ reads }) => reads.map(({ rowIds }) => [...rowIds]))).toEqual([
    [[0, 9]],
    [[0, 0]],
    [[18, 0, 18]],
  ]);
  stores[2]?.reads[0]?.resolve();
  stores[0]?.reads[0]?.resolve();
  expect(ticket.settled).toBe(false);
  stores[1]?.reads[0]?.resolve();
  await ticket.ready;
  expect(gathered(ticket)).toEqual(pick(asked));
  expect(store.stats().hits).toEqual({ "shard 0": 2, "shard 1": 2, "shard 2": 3 });
  ticket.release();
  for (const inner of stores) expect(inner.stats().openTickets).toBe(0);
});

test("a store without rows of the batch is not asked", () => {
  const stores = shards([10, 20]);
  const store = sharded(stores);
  store.prefetch(Uint32Array.of(12, 19));
  store.prefetch(new Uint32Array(0));
  expect(stores.map(({ reads }) => reads.length)).toEqual([0, 1, 0]);
});

test("the failure of one fails the ticket, and the others are released with it", async () => {
  const stores = shards([10]);
  const store = sharded(stores);
  const ticket = store.prefetch(Uint32Array.of(3, 13));
  stores[1]?.reads[0]?.reject(new EngramError({ code: "io", operation: "test", message: "disk 1", retry: "later" }));
  await expect(ticket.ready).rejects.toMatchObject({ code: "io" });
  expect(() => gathered(ticket)).toThrow("disk 1");
  ticket.release();
  expect(stores[0]?.reads[0]?.released).toBe(true);
  expect(store.stats().failures).toBe(1);
});

test("a store that refuses leaves no ticket open in the others", async () => {
  const stores = shards([10]);
  const store = sharded(stores);
  await stores[1]?.close();
  expect(() => store.prefetch(Uint32Array.of(3, 13))).toThrow(/closed/);
  expect(stores[0]?.stats().openTickets).toBe(0);
  expect(store.stats().openTickets).toBe(0);
});

test("at a deadline, the rows of the store that has not answered are zeros", async () => {
  const stores = shards([10]);
  const store = sharded(stores);
  const ticket = store.prefetch(Uint32Array.of(13, 3, 14), { deadlineMs: 0, onMiss: "zero" });
  stores[0]?.reads[0]?.resolve();
  await ticket.ready;
  const zeros = new Array<number>(TABLE.rowBytes).fill(0);
  expect(gathered(ticket)).toEqual([...zeros, ...pick([3]), ...zeros]);
  const values = new Float32Array(3 * ENCODING.width).fill(9);
  ticket.decode(values);
  expect([...values.slice(0, 3), ...values.slice(6)]).toEqual([0, 0, 0, 0, 0, 0]);
  expect(store.stats()).toMatchObject({ zeroedRows: 2, deadlineMisses: 1 });
});

test("stores that make no table are refused", () => {
  const other = (encoding: Parameters<typeof tableInfo>[0]["encoding"], rows = 3): RowStore => {
    const table = tableInfo({ rows, encoding });
    return scriptedStore(table, new Uint8Array(0), { arrival: "now" });
  };
  expect(() => sharded([])).toThrow(/at least one/);
  expect(() => sharded([other(ENCODING), other({ kind: "f16", width: 4 })])).toThrow(/one encoding/);
  const scaled = (scale: number) => other({ kind: "fp8-e4m3", width: 4, scale });
  expect(() => sharded([scaled(1), scaled(2)])).toThrow(/one encoding/);
  expect(() => sharded([other(ENCODING, 2 ** 32 - 1), other(ENCODING, 1)])).toThrow(/at most/);
});

test("any cut of the table gives the rows of the whole", () => {
  const cuts = fc
    .uniqueArray(fc.integer({ min: 1, max: 29 }), { maxLength: 6 })
    .map((list) => list.sort((a, b) => a - b));
  const batch = fc.array(fc.nat(29), { maxLength: 20 });
  const property = fc.property(cuts, batch, (at, asked) => {
    const store = sharded(shards(at, { arrival: "now" }));
    const ticket = store.prefetch(Uint32Array.from(asked));
    expect(ticket.settled).toBe(true);
    expect(gathered(ticket)).toEqual(pick(asked));
  });
  fc.assert(property, { numRuns: 200 });
});

const cut = (arrival: "now" | "soon") => ({
  name: `sharded over three stores, rows there ${arrival}`,
  open: async (table: typeof TABLE, rows: Uint8Array) => {
    const edges = [0, Math.floor(table.rows / 3), Math.floor(table.rows / 2), table.rows];
    const parts = edges.slice(1).map((end, i) => ({ start: edges[i] ?? 0, end }));
    const stores = parts
      .filter(({ start, end }) => end > start)
      .map(({ start, end }) =>
        scriptedStore({ ...table, rows: end - start }, rows.slice(start * table.rowBytes, end * table.rowBytes), {
          arrival,
        }),
      );
    return sharded(stores);
  },
});

runConformance({ describe, test }, [cut("now"), cut("soon")]);
