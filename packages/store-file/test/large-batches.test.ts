// Batches too large to be read at once: in slices from the cache, by the thread pool from the disk, out of the mapping.
import { tableInfo } from "@engram-ts/core";
import { fillRows, findWrongRow } from "@engram-ts/store-kit";
import { afterAll, beforeAll, expect, it } from "vitest";
import { type FileStoreOptions, fileStore } from "../src/index.js";
import { removeFolders, temporaryFolder, writeTable } from "./table-files.js";

const SEED = 3;
const table = tableInfo({ rows: 30_000, encoding: { kind: "int8", width: 60 } });
let options: Pick<FileStoreOptions, "module" | "folder">;

beforeAll(() => {
  const rows = new Uint8Array(table.rows * table.rowBytes);
  fillRows(table, SEED, 0, rows);
  const folder = temporaryFolder();
  options = { folder, module: writeTable(folder, table, rows, { regions: "apart", partRows: 12_345 }) };
});
afterAll(removeFolders);

const batch = (count: number, seed: number) =>
  Uint32Array.from({ length: count }, (_, i) => Math.imul(i + seed, 0x9e37_79b1) >>> 0).map((id) => id % table.rows);

it.each<[string, Partial<FileStoreOptions>]>([
  ["mapped", {}],
  ["from the cache", { mapping: "off" }],
  ["by the thread pool", { mapping: "off", reads: "async" }],
  ["when gathered", { mapping: "off", reads: "sync" }],
])("%s: many batches at once, released in any order", async (_name, more) => {
  const store = fileStore({ ...options, ...more });
  for (let i = 0; i < 8; i++) {
    const small = store.prefetch(batch(48, i));
    await small.ready;
    small.release();
  }
  const asked = [5_000, 1, 4_097, 1_024, 9_000].map((count, i) => ({ ids: batch(count, i), priority: i % 2 }));
  const tickets = asked.map(({ ids, priority }) => store.prefetch(ids, { priority }));
  const abandoned = store.prefetch(batch(20_000, 9));
  abandoned.ready.catch(() => {});
  abandoned.release();
  for (const [i, ticket] of tickets.entries()) {
    await ticket.ready;
    const ids = asked[i]?.ids ?? new Uint32Array(0);
    const rows = new Uint8Array(ids.length * table.rowBytes);
    ticket.gather(rows);
    expect(findWrongRow(table, SEED, ids, rows)).toBe(-1);
    const values = new Float32Array(ids.length * table.encoding.width);
    ticket.decode(values);
    const last = new DataView(rows.buffer, rows.length - 5);
    expect(values.at(-1)).toBe(Math.fround(last.getInt8(0) * last.getFloat32(1, true)));
    ticket.release();
  }
  expect(store.stats().openTickets).toBe(0);
  await store.close();
});

it("closing in the middle of large readings fails their tickets and waits for them", async () => {
  for (const more of [{}, { mapping: "off" }, { mapping: "off", reads: "async" }] as const) {
    const store = fileStore({ ...options, ...more });
    const tickets = [0, 1, 2].map((i) => store.prefetch(batch(20_000, i)));
    const outcomes = tickets.map((ticket) =>
      ticket.ready.then(
        () => "ready",
        (error: { code: string }) => error.code,
      ),
    );
    await store.close();
    for (const outcome of await Promise.all(outcomes)) expect(["ready", "store-closed"]).toContain(outcome);
  }
});
