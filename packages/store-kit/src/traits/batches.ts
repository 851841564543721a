// What comes back is what was asked for: in its order, duplicates kept, from no rows to the most that a store takes.

import { type CaseDefinition, gather, NARROW_TABLE, read, scatteredRowIds, settle } from "../conformance-case.js";
import { expectBytes, expectSame, expectThat, expectThrows } from "../expectations.js";

const trait = "batches";

/** Most rows that a case reads: comparing more takes seconds. */
const LARGEST_READ = 2 ** 20;

/** Most row ids that a case allocates to see them refused: 64 MiB. */
const LARGEST_ALLOCATED = 2 ** 24;

export const batchCases: readonly CaseDefinition[] = [
  {
    trait,
    name: "an empty batch gathers and decodes nothing",
    run: async ({ store }) => {
      const ticket = store.prefetch(new Uint32Array(0));
      expectSame(ticket.length, 0, "ticket.length");
      await settle(ticket);
      ticket.gather(new Uint8Array(0));
      ticket.decode(new Float32Array(0));
      ticket.release();
    },
  },
  {
    trait,
    name: "each row alone, from the first to the last",
    run: async ({ store, table, pick }) => {
      for (let row = 0; row < table.rows; row++) {
        const ids = Uint32Array.of(row);
        expectBytes(await read(store, ids), pick(ids), table.rowBytes, `row ${row}`);
      }
    },
  },
  {
    trait,
    name: "rows in order, backwards and scattered",
    run: async ({ store, table, pick }) => {
      const forwards = Uint32Array.from({ length: table.rows }, (_, row) => row);
      for (const ids of [forwards, forwards.toReversed(), scatteredRowIds(64, table.rows)]) {
        expectBytes(await read(store, ids), pick(ids), table.rowBytes, "rows");
      }
    },
  },
  {
    trait,
    name: "duplicates are kept, in order",
    run: async ({ store, table, pick }) => {
      for (const ids of [Uint32Array.of(7, 7), Uint32Array.of(2, 60, 2, 2, 0, 60), new Uint32Array(64).fill(9)]) {
        const ticket = store.prefetch(ids);
        expectSame(ticket.length, ids.length, "ticket.length");
        await settle(ticket);
        expectBytes(gather(ticket, table), pick(ids), table.rowBytes, `rows ${ids.join(" ")}`);
        ticket.release();
      }
    },
  },
  {
    trait,
    name: "the last row next to the first",
    run: async ({ store, table, pick }) => {
      const last = table.rows - 1;
      const ids = Uint32Array.of(last, 0, last, last - 1, 1, 0);
      expectBytes(await read(store, ids), pick(ids), table.rowBytes, "rows");
    },
  },
  {
    trait,
    name: "a table of one row",
    table: { ...NARROW_TABLE, rows: 1 },
    run: async ({ store, table, pick }) => {
      const ids = Uint32Array.of(0, 0, 0);
      expectBytes(await read(store, ids), pick(ids), table.rowBytes, "rows");
      expectThrows("row-out-of-range", "row 1", () => store.prefetch(Uint32Array.of(1)));
    },
  },
  {
    trait,
    name: "a batch of maxBatch rows, or of 1 Mi where maxBatch is above that",
    table: NARROW_TABLE,
    run: async ({ store, table, pick }) => {
      const { maxBatch } = store.capabilities;
      const ids = scatteredRowIds(Math.min(maxBatch, LARGEST_READ), table.rows);
      expectBytes(await read(store, ids), pick(ids), table.rowBytes, "rows");
    },
  },
  {
    trait,
    name: "maxBatch + 1 rows throw batch-too-large, and a smaller batch is taken after it",
    table: NARROW_TABLE,
    needs: {
      missing: ({ maxBatch }) =>
        maxBatch > LARGEST_ALLOCATED ? `maxBatch ${maxBatch} is too much to allocate in a test` : undefined,
      // no batch that fits a test is refused; what such a limit then promises is that a large one is taken
      prove: async ({ store, table, pick }) => {
        const ids = scatteredRowIds(LARGEST_READ + 1, table.rows);
        expectBytes(await read(store, ids), pick(ids), table.rowBytes, "1 Mi + 1 rows");
      },
    },
    run: async ({ store, table, pick }) => {
      const { maxBatch } = store.capabilities;
      const error = expectThrows("batch-too-large", "prefetch", () => store.prefetch(new Uint32Array(maxBatch + 1)));
      expectThat(error.retry === "never", "batch-too-large is never to be retried");
      const ids = scatteredRowIds(Math.min(maxBatch - 1, LARGEST_READ), table.rows);
      expectBytes(await read(store, ids), pick(ids), table.rowBytes, "rows");
    },
  },
];
