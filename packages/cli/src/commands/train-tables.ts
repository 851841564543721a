// Where a run's rows and their moments lie while it trains: in memory, made anew from the checkpoint whenever the run is
// opened; or on LMDB in the run's folder, for tables larger than memory, with rows that changed lately kept back. There
// `rows/state.json` says which step they are of, so that a run that ended in order goes on without writing them; after a
// kill they are made anew. Not here: training.

import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { EngramError, type ModelSpec, type TableInfo, type WritableRowStore, writeBack } from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import { lmdbStore } from "@engram-ts/store-lmdb";
import { initializeBytes, initialRows, momentsTable, type TrainedTable, tablesOf } from "@engram-ts/train";
import { fileError } from "../input-file.js";

/** Where rows lie while a run trains. */
export const TRAIN_STORES = ["dram", "lmdb"] as const;

/** Where rows and moments are while they are trained: in memory, or in LMDB files of the run. */
export type TrainStore = (typeof TRAIN_STORES)[number];

/** The tables of an open run. */
export interface TrainTables {
  readonly tables: ReadonlyMap<number, TrainedTable>;
  /** The run is saved, or restored: what the stores hold now are the rows of this step. */
  saved(step: number): void;
  close(): Promise<void>;
}

/** What there is to open. */
export interface TrainTablesOptions {
  readonly spec: ModelSpec;
  readonly store: TrainStore;
  readonly seed: number;
  /** The step that the run goes on after. */
  readonly step: number;
  /** Memory for rows that changed, of all tables, where they lie on LMDB. Default 1 GiB. */
  readonly memoryBytes?: number;
}

/** Rows that change in many steps are then written once in a while. */
const ROW_MEMORY_BYTES = 2 ** 30;

const OPERATION = "engram train";

/**
 * Opens a run's tables: rows of `step`, where the stores hold them, and of before training otherwise.
 * @throws EngramError `invalid-argument` where another process has them open; what the stores throw.
 */
export async function openTrainTables(run: string, options: TrainTablesOptions): Promise<TrainTables> {
  const { spec, store, seed, memoryBytes = ROW_MEMORY_BYTES } = options;
  const infos = [...tablesOf(spec)];
  if (store === "dram" || infos.length === 0) return tablesInMemory(infos, seed);
  const folder = join(run, "rows");
  const held = await takeOver(folder);
  const known = held === options.step;
  if (!known) await onDisk(folder, () => rm(folder, { recursive: true, force: true }));
  await writeState(folder, { open: process.pid });
  let changes = 0;
  const allBytes = infos.reduce((sum, [, table]) => sum + table.rowBytes + momentsTable(table).rowBytes, 0);
  const open = async (name: string, table: TableInfo, initialize: (firstRow: number, rows: Uint8Array) => void) => {
    const bytes = Math.floor((memoryBytes * table.rowBytes) / allBytes);
    const behind = await lmdbStore({ path: join(folder, name), table, initialize, durability: "close" });
    const opened = writeBack(behind, { bytes });
    const begin = () => {
      changes++;
      return opened.begin();
    };
    return { ...opened, begin };
  };
  const tables = new Map<number, TrainedTable>();
  const stores: WritableRowStore[] = [];
  const closeStores = async (): Promise<void> => {
    for (const one of stores) await one.close();
  };
  try {
    for (const [layer, table] of infos) {
      const initial = initialRows({ seed, layer, width: table.encoding.width });
      const rows = await open(`layer-${layer}`, table, initializeBytes(table, initial));
      stores.push(rows);
      const moments = await open(`moments-${layer}`, momentsTable(table), () => undefined);
      stores.push(moments);
      tables.set(layer, { rows, moments, initial, step: known ? options.step : 0 });
    }
  } catch (error) {
    await closeStores();
    throw error;
  }
  let saved = { step: known ? options.step : 0, changes: 0 };
  return {
    tables,
    saved(step) {
      saved = { step, changes };
    },
    async close() {
      await closeStores();
      if (changes === saved.changes) await writeState(folder, { step: saved.step });
      else await onDisk(folder, () => rm(folder, { recursive: true, force: true })); // of no step that can be gone back to
    },
  };
}

function tablesInMemory(infos: readonly (readonly [number, TableInfo])[], seed: number): TrainTables {
  const tables = new Map<number, TrainedTable>();
  for (const [layer, table] of infos) {
    const initial = initialRows({ seed, layer, width: table.encoding.width });
    const rows = dramStore({ table, initialize: initializeBytes(table, initial) });
    tables.set(layer, { rows, moments: dramStore({ table: momentsTable(table) }), initial });
  }
  return {
    tables,
    saved: () => undefined,
    async close() {
      for (const { rows, moments } of tables.values()) await Promise.all([rows.close(), moments.close()]);
    },
  };
}

/** The step that the stores hold; undefined where that is not known. */
async function takeOver(folder: string): Promise<number | undefined> {
  const text = await readFile(join(folder, "state.json"), "utf8").catch(() => "{}");
  let state: { readonly step?: unknown; readonly open?: unknown } = {};
  try {
    state = Object(JSON.parse(text)); // its fields are looked at below
  } catch {
    // half written: not known
  }
  if (typeof state.open === "number" && isRunning(state.open)) {
    throw new EngramError({
      code: "invalid-argument",
      operation: OPERATION,
      message: `the rows of this run are open in process ${state.open}; wait until it has ended, or remove ${folder} where that is another program by now`,
      context: { folder, process: state.open },
    });
  }
  return Number.isSafeInteger(state.step) ? Number(state.step) : undefined;
}

function isRunning(id: number): boolean {
  try {
    process.kill(id, 0);
    return true;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "EPERM"; // another user's
  }
}

async function writeState(folder: string, state: { readonly step: number } | { readonly open: number }): Promise<void> {
  await onDisk(folder, async () => {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "state.json"), `${JSON.stringify(state)}\n`);
  });
}

async function onDisk(folder: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    throw fileError(cause, folder, OPERATION);
  }
}
