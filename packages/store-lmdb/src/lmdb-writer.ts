// Writing tables, from their first row to their last, a block a transaction. What a transaction committed survives a
// kill; a writer that is opened again for the same plan goes on after the last whole block. Readers see nothing before
// `finish`, which publishes all tables in one transaction. Tables that were replaced, or whose writing was given up, are
// removed after that, some blocks a transaction: LMDB keeps the pages of those that a reader still sees.

import { createHash, randomUUID } from "node:crypto";
import { statfsSync } from "node:fs";
import { EngramError, type Manifest, type ManifestModule, type TableInfo, tableInfo } from "@engram-ts/core";
import { blocksOf, rowsPerBlock } from "./block-layout.js";
import { type Environment, markFormat, type TransactionWriter } from "./lmdb-environment.js";
import { lmdbFault } from "./lmdb-fault.js";
import { KIND, rowKey } from "./lmdb-keys.js";
import {
  commitsKey,
  encodeRecord,
  NEXT_ID,
  PENDING,
  type PendingRecord,
  PUBLISHED,
  RETIRED,
  readNextId,
  readPending,
  readPublished,
  readRetired,
  type TableRecord,
} from "./table-records.js";

/** What is to be written; without a manifest, tables that are addressed by other means. */
export interface WritePlan {
  readonly manifest?: Omit<Manifest, "modules">;
  readonly tables: ReadonlyMap<number, TableInfo>;
}

/** As the TableWriter of core, but for a manifest that may be missing. */
export interface BlockWriter {
  readonly committed: ReadonlyMap<number, number>;
  write(layer: number, firstRow: number, rows: Uint8Array): Promise<void>;
  finish(): Promise<Manifest | undefined>;
  close(): Promise<void>;
}

interface LayerState {
  readonly record: TableRecord;
  /** Rows committed; whole blocks, or all. */
  committed: number;
  /** Rows in `block`, which come after those. */
  filled: number;
  block: Uint8Array | undefined;
}

const OPERATION = "writer.write";
/** Beside the rows: pages of the tree, and what is being replaced within it. */
const SPARE_BYTES = 2 ** 25;
/** Blocks removed in one transaction: the list of their pages takes 2 MiB. */
const REMOVED_BLOCKS = 64;
const REMOVED_ROWS = 65_536;

/**
 * Starts or resumes writing; the environment is released by `close` and `finish`.
 * @throws EngramError `permission-denied`, `out-of-space`, `invalid-argument`, `io`.
 */
export async function blockWriter(environment: Environment, plan: WritePlan): Promise<BlockWriter> {
  const writer = randomUUID();
  const digest = planDigest(plan);
  await environment.transact("driver.write", (transaction) => adoptPlan(transaction, plan, digest, writer));
  const layers = new Map<number, LayerState>();
  const snapshot = environment.snapshot();
  try {
    for (const record of readPending(snapshot)?.tables ?? []) {
      let blocks = 0;
      for (const index of snapshot.indexes(KIND.block, record.id)) if (index === blocks) blocks++;
      const committed = Math.min(record.table.rows, blocks * record.blockRows);
      layers.set(record.layer, { record, committed, filled: 0, block: undefined });
    }
  } finally {
    snapshot.release();
  }
  checkSpace(environment, layers);
  const committed = new Map([...layers].map(([layer, state]) => [layer, state.committed]));
  let closed = false;
  let last: Promise<void> = Promise.resolve();

  const checkOpen = (operation: string): void => {
    if (!closed) return;
    throw new EngramError({ code: "transaction-closed", operation, message: "the writer is closed; open another one, which goes on with what was committed" });
  };

  const commitBlock = async (state: LayerState): Promise<void> => {
    const { record } = state;
    const block = state.block?.subarray(0, state.filled * record.table.rowBytes);
    if (block === undefined || state.filled === 0) return;
    const index = Math.floor(state.committed / record.blockRows);
    await environment.transact(OPERATION, (transaction) => {
      checkOwner(transaction, writer);
      transaction.put(rowKey(KIND.block, record.id, index), block);
    });
    state.committed += state.filled;
    state.filled = 0;
    committed.set(record.layer, state.committed);
  };

  const append = async (layer: number, firstRow: number, rows: Uint8Array): Promise<void> => {
    const state = checkRows(layers, layer, firstRow, rows);
    const { rowBytes } = state.record.table;
    const { blockRows } = state.record;
    for (let from = 0; from < rows.length; ) {
      const taken = Math.min(rows.length - from, (blockRows - state.filled) * rowBytes);
      state.block ??= new Uint8Array(Math.min(blockRows, state.record.table.rows) * rowBytes);
      state.block.set(rows.subarray(from, from + taken), state.filled * rowBytes);
      state.filled += taken / rowBytes;
      from += taken;
      if (state.filled === blockRows) await commitBlock(state);
    }
  };

  return {
    committed,
    write(layer, firstRow, rows) {
      checkOpen(OPERATION);
      const done = last.then(() => append(layer, firstRow, rows));
      last = done.catch(() => {}); // told to the caller of this write; the next one fails by its own checks
      return done;
    },
    async finish() {
      checkOpen("writer.finish");
      await last;
      for (const state of layers.values()) {
        const { rows } = state.record.table;
        const found = state.committed + state.filled;
        if (found === rows) continue;
        throw new EngramError({
          code: "invalid-argument",
          operation: "writer.finish",
          message: `layer ${state.record.layer} has ${found} rows so far, and its table ${rows}; write the others first`,
          context: { layer: state.record.layer, found, rows },
        });
      }
      for (const state of layers.values()) await commitBlock(state);
      const manifest = plan.manifest === undefined ? undefined : manifestOf(plan.manifest, layers);
      await environment.transact("writer.finish", (transaction) => publish(transaction, writer, manifest));
      closed = true;
      await removeRetired(environment);
      await environment.release();
      return manifest;
    },
    async close() {
      if (closed) return;
      closed = true;
      await last;
      await environment.release();
    },
  };
}

/** Goes on with the pending plan where it is the same one, and starts the plan otherwise. */
function adoptPlan(transaction: TransactionWriter, plan: WritePlan, digest: string, writer: string): void {
  const pending = readPending(transaction);
  markFormat(transaction);
  if (pending?.plan === digest) {
    transaction.put(PENDING, encodeRecord({ ...pending, writer }));
    return;
  }
  if (pending !== undefined) retire(transaction, pending.tables);
  let id = readNextId(transaction);
  const tables = [...plan.tables].map(([layer, { rows, encoding, digest: rowsDigest }]): TableRecord => {
    const table = tableInfo({ rows, encoding, ...(rowsDigest === undefined ? {} : { digest: rowsDigest }) });
    return { layer, id: id++, table, blockRows: rowsPerBlock(table.rowBytes) };
  });
  transaction.put(NEXT_ID, encodeRecord({ id }));
  transaction.put(PENDING, encodeRecord({ plan: digest, writer, tables } satisfies PendingRecord));
}

function checkOwner(transaction: TransactionWriter, writer: string): PendingRecord {
  const pending = readPending(transaction);
  if (pending?.writer === writer) return pending;
  throw new EngramError({
    code: "transaction-closed",
    operation: OPERATION,
    message: "another writer has taken over this environment; let one writer finish at a time",
  });
}

function publish(transaction: TransactionWriter, writer: string, manifest: Manifest | undefined): void {
  const pending = checkOwner(transaction, writer);
  const before = readPublished(transaction);
  if (before !== undefined) retire(transaction, before.tables);
  transaction.put(PUBLISHED, encodeRecord({ ...(manifest === undefined ? {} : { manifest }), tables: pending.tables }));
  transaction.remove(PENDING);
}

function retire(transaction: TransactionWriter, tables: readonly TableRecord[]): void {
  const retired = [...readRetired(transaction), ...tables.map(({ id }) => ({ id }))];
  transaction.put(RETIRED, encodeRecord({ tables: retired }));
}

/** Removes retired tables; one that is left half-way is gone on with by the next writer. */
async function removeRetired(environment: Environment): Promise<void> {
  const snapshot = environment.snapshot();
  try {
    for (const { id } of readRetired(snapshot)) {
      for (const [kind, most] of [
        [KIND.block, REMOVED_BLOCKS],
        [KIND.patch, REMOVED_ROWS],
      ] as const) {
        let keys: Uint8Array[] = [];
        const flush = async (): Promise<void> => {
          const some = keys;
          keys = [];
          await environment.transact("writer.finish", (transaction) => {
            for (const key of some) transaction.remove(key);
          });
        };
        for (const index of [...snapshot.indexes(kind, id)]) {
          keys.push(rowKey(kind, id, index));
          if (keys.length === most) await flush();
        }
        if (keys.length > 0) await flush();
      }
      await environment.transact("writer.finish", (transaction) => {
        transaction.remove(commitsKey(id));
        const left = readRetired(transaction).filter((table) => table.id !== id);
        if (left.length === 0) transaction.remove(RETIRED);
        else transaction.put(RETIRED, encodeRecord({ tables: left }));
      });
    }
  } finally {
    snapshot.release();
  }
}

function checkRows(layers: ReadonlyMap<number, LayerState>, layer: number, firstRow: number, rows: Uint8Array): LayerState {
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-argument", operation: OPERATION, message, context: { layer, firstRow } });
  };
  const state = layers.get(layer);
  if (state === undefined) return refuse(`layer ${layer} is not in the plan, which has ${[...layers.keys()].join(", ")}`);
  const { rows: all, rowBytes } = state.record.table;
  if (!(rows instanceof Uint8Array) || rows.length % rowBytes !== 0) {
    return refuse(`rows must be a Uint8Array of whole rows, ${rowBytes} bytes each`);
  }
  const next = state.committed + state.filled;
  if (firstRow !== next) refuse(`the next row of layer ${layer} is ${next}, and these start at ${firstRow}`);
  if (next + rows.length / rowBytes > all) refuse(`layer ${layer} has ${all} rows, and these end at ${next + rows.length / rowBytes}`);
  return state;
}

/** One region a table; the parts of a manifest are of plain files, so this one names what a copy to files would. */
function manifestOf(manifest: Omit<Manifest, "modules">, layers: ReadonlyMap<number, LayerState>): Manifest {
  const modules = [...layers.values()].map(({ record: { layer, table } }): ManifestModule => {
    const { rows, rowBytes, encoding, digest } = table;
    const data = { uri: `layer-${layer}.rows`, bytes: rows * rowBytes, offset: 0, stride: rowBytes };
    return { layer, rows, encoding, ...(digest === undefined ? {} : { digest }), parts: [{ firstRow: 0, rows, data }] };
  });
  return { ...manifest, modules };
}

function planDigest({ manifest, tables }: WritePlan): string {
  return createHash("sha256").update(JSON.stringify([manifest ?? null, [...tables]])).digest("hex");
}

function checkSpace(environment: Environment, layers: ReadonlyMap<number, LayerState>): void {
  let needed = SPARE_BYTES;
  for (const { record, committed } of layers.values()) {
    const { rows, rowBytes } = record.table;
    const left = blocksOf(rows, record.blockRows) - Math.floor(committed / record.blockRows);
    needed += Math.min((rows - committed) * rowBytes * 1.01, left * (record.blockRows * rowBytes + 8192));
  }
  let free: number;
  try {
    const { bavail, bsize } = statfsSync(environment.path);
    free = bavail * bsize;
  } catch (error) {
    throw lmdbFault(error, "driver.write", environment.path);
  }
  if (free >= needed) return;
  throw new EngramError({
    code: "out-of-space",
    operation: "driver.write",
    message: `${environment.path} has ${free} bytes free, and the tables need ${Math.ceil(needed)} more; free some space, or choose another disk`,
    retry: "later",
    context: { free, needed: Math.ceil(needed) },
  });
}
