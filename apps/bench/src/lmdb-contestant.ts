// A process that takes part in the LMDB benchmark: `lmdb-contestant.js load|serve KIND FOLDER ROWS`. KIND is lmdbStore,
// rows (lmdb-js, a value a row), pages (lmdb-js, as many rows a value as fill one page) or blocks (lmdb-js, 64 KiB a value).
// `load` writes the table and says how long that took; `serve` answers requests as gather-workload.ts has them.

import { mkdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { tableInfo } from "@engram-ts/core";
import { lmdbStore } from "@engram-ts/store-lmdb";
import { checksum, fillTable, parseRequest, workloadRowIds } from "./gather-workload.js";

type GatherCall = (rowIds: Uint32Array, out: Uint8Array) => void | Promise<void>;

interface RawDatabase {
  getBinaryFast(key: number): Uint8Array | undefined;
  put(key: number, value: Uint8Array): Promise<boolean>;
  transaction<Result>(run: () => Result): Promise<Result>;
  openDB(options: object): RawDatabase;
  close(): Promise<void>;
}

const ROW_BYTES = 264;
/** Rows of one value. */
const ROWS_A_VALUE: Readonly<Record<string, number>> = { rows: 1, pages: 15, blocks: 248 };
const BATCH_BYTES = 2 ** 24;

const [action = "", kind = "", folder = "", rowsText = ""] = process.argv.slice(2);
const rows = Number(rowsText);
const perValue = ROWS_A_VALUE[kind];

function openRaw(): { root: RawDatabase; database: RawDatabase } {
  mkdirSync(folder, { recursive: true });
  // by require: the package's declarations are refused in an ES module
  const require = createRequire(import.meta.url);
  const { open } = require("lmdb") as { open(options: object): RawDatabase };
  const options = { encoding: "binary", compression: false };
  const root = open({
    ...options,
    path: folder,
    noSubdir: false,
    mapSize: 2 ** 36,
    noReadAhead: true,
    noMemInit: true,
    overlappingSync: false,
  });
  return { root, database: root.openDB({ ...options, keyEncoding: "uint32", name: "rows" }) };
}

async function loadRaw(count: number): Promise<void> {
  const { root, database } = openRaw();
  const values = Math.max(1, Math.floor(BATCH_BYTES / ROW_BYTES / count));
  const batch = new Uint8Array(values * count * ROW_BYTES);
  for (let row = 0; row < rows; row += values * count) {
    const bytes = batch.subarray(0, Math.min(values * count, rows - row) * ROW_BYTES);
    fillTable(row * ROW_BYTES, bytes);
    await root.transaction(() => {
      for (let at = 0; at < bytes.length; at += count * ROW_BYTES) {
        void database.put((row + at / ROW_BYTES) / count, bytes.subarray(at, at + count * ROW_BYTES));
      }
    });
  }
  await root.close();
}

function serveRaw(count: number): GatherCall {
  const { database } = openRaw();
  return (rowIds, out) => {
    for (let i = 0; i < rowIds.length; i++) {
      const row = rowIds[i] ?? 0; // i < length
      const value = database.getBinaryFast(Math.floor(row / count));
      const from = (row % count) * ROW_BYTES;
      if (value !== undefined) out.set(value.subarray(from, from + ROW_BYTES), i * ROW_BYTES);
    }
  };
}

async function openStore(initialize: boolean) {
  const table = tableInfo({ rows, encoding: { kind: "fp8-e4m3-e8m0", width: 256 } });
  const fill = (firstRow: number, bytes: Uint8Array) => fillTable(firstRow * ROW_BYTES, bytes);
  return lmdbStore({ path: folder, table, ...(initialize ? { initialize: fill } : {}) });
}

async function serveStore(): Promise<GatherCall> {
  const store = await openStore(false);
  return (rowIds, out) => {
    const ticket = store.prefetch(rowIds);
    if (!ticket.settled) {
      return ticket.ready.then(() => {
        ticket.gather(out);
        ticket.release();
      });
    }
    ticket.gather(out);
    ticket.release();
  };
}

if (action === "load") {
  const start = performance.now();
  if (perValue === undefined) await (await openStore(true)).close();
  else await loadRaw(perValue);
  const seconds = (performance.now() - start) / 1_000;
  console.log(JSON.stringify({ seconds, fileBytes: statSync(join(folder, "data.mdb")).size }));
} else {
  const gather = perValue === undefined ? await serveStore() : serveRaw(perValue);
  const threads = process.env.UV_THREADPOOL_SIZE ?? "4";
  console.log(
    JSON.stringify({ ready: true, version: `Node ${process.versions.node}, lmdb 3.5.6, ${threads} threads` }),
  );
  let out = new Uint8Array(0);
  for await (const line of createInterface({ input: process.stdin })) {
    const request = parseRequest(line);
    const { count, calls, check } = request;
    if (out.length !== count * ROW_BYTES) out = new Uint8Array(count * ROW_BYTES).fill(1);
    const ids = workloadRowIds(request);
    const batches = Array.from({ length: calls }, (_, call) => ids.subarray(call * count, (call + 1) * count));
    const cpuStart = process.cpuUsage();
    const start = process.hrtime.bigint();
    for (const batch of batches) {
      const wait = gather(batch, out);
      if (wait !== undefined) await wait;
    }
    const ns = Number(process.hrtime.bigint() - start);
    const cpu = process.cpuUsage(cpuStart);
    console.log(
      JSON.stringify({ ns, cpuNs: (cpu.user + cpu.system) * 1_000, checksum: check === 1 ? checksum(out) : 0 }),
    );
  }
}
