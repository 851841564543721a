// A small model's tables to write, rows made from their ids, and folders to write them into.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createAddressing,
  isEngramError,
  type RowEncoding,
  type RowStore,
  type TableInfo,
  type TablePlan,
  type TableWriter,
  tableInfo,
  type WriteTablesOptions,
} from "@engram-ts/core";
import { fillRows, findWrongRow } from "@engram-ts/store-kit";
import { afterAll } from "vitest";
import { lmdbDriver } from "../src/index.js";

/** Layer `l` has the rows of seed `ROW_SEED + l`. */
export const ROW_SEED = 5;
/** The row of DeepSeek-V4.1: 264 bytes. */
export const V41_ROW: RowEncoding = { kind: "fp8-e4m3-e8m0", width: 256 };
const CHUNK_ROWS = 8_192;

/** A plan for layers 1 and 15 of about `rows` rows each. */
export function tablePlan(options: {
  rows: number;
  encoding?: RowEncoding;
  layers?: readonly number[];
  seed?: number;
}) {
  const { rows, encoding = V41_ROW, layers = [1, 15], seed = 3 } = options;
  const quarter = Math.ceil(rows / 4);
  const config = {
    kind: "engram",
    vocabSize: 50,
    seed,
    layers: [1, 15],
    tableSizes: [quarter, quarter],
    headsPerOrder: 2,
    padId: 2,
  } as const;
  const derived = createAddressing(config, { kernel: "typescript" }).derivation();
  const tables = new Map<number, TableInfo>();
  for (const layer of layers) {
    tables.set(layer, tableInfo({ rows: derived.layers.find((one) => one.layer === layer)?.rows ?? 0, encoding }));
  }
  const plan: TablePlan = { manifest: { format: "engram", version: 1, addressing: config, derived }, tables };
  return { plan, tables };
}

/** A writer for a plan. */
export async function started(uri: string, plan: TablePlan, options: WriteTablesOptions = {}): Promise<TableWriter> {
  const writer = await lmdbDriver().write?.(uri, plan, options);
  if (writer === undefined) throw new Error("the driver writes");
  return writer;
}

/** Rows of a layer. */
export function rowsOf(table: TableInfo, layer: number, firstRow: number, count: number): Uint8Array {
  const rows = new Uint8Array(count * table.rowBytes);
  fillRows(table, ROW_SEED + layer, firstRow, rows);
  return rows;
}

/** Writes all rows that are not written yet. */
export async function writeAll(writer: TableWriter, tables: ReadonlyMap<number, TableInfo>): Promise<void> {
  for (const [layer, table] of tables) {
    for (let row = writer.committed.get(layer) ?? 0; row < table.rows; ) {
      const count = Math.min(CHUNK_ROWS, table.rows - row);
      await writer.write(layer, row, rowsOf(table, layer, row, count));
      row += count;
    }
  }
}

/** The first row of a store that is not the one of its layer, and undefined where all are right. */
export async function wrongRow(store: RowStore, layer: number): Promise<number | undefined> {
  const { table } = store;
  for (let row = 0; row < table.rows; row += CHUNK_ROWS) {
    const ids = Uint32Array.from({ length: Math.min(CHUNK_ROWS, table.rows - row) }, (_, i) => row + i);
    const wrong = findWrongRow(table, ROW_SEED + layer, ids, await read(store, ids));
    if (wrong !== undefined && wrong >= 0) return row + wrong;
  }
  return undefined;
}

/** Gathered rows. */
export async function read(store: RowStore, rowIds: Uint32Array): Promise<Uint8Array> {
  const ticket = store.prefetch(rowIds);
  try {
    await ticket.ready;
    const out = new Uint8Array(rowIds.length * store.table.rowBytes).fill(0xa5);
    ticket.gather(out);
    return out;
  } finally {
    ticket.release();
  }
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is removed after the tests. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "engram-lmdb-"));
  folders.push(folder);
  return folder;
}

/** The code that an operation is refused with, or "none". */
export async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
  } catch (error) {
    if (isEngramError(error)) return error.code;
    throw error;
  }
  return "none";
}
