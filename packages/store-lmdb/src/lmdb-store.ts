// Rows in LMDB: read out of the mapped file, at a snapshot, by many processes at once; replaced in transactions.
// A ticket whose rows this process has read before is settled at once, and gathering is a copy out of memory. Rows that
// were not read before are first read on other threads.

import { fstatSync } from "node:fs";
import {
  checkPrefetchOptions,
  checkRowIds,
  EngramError,
  type StagedPut,
  type StoreCapabilities,
  StoreTicket,
  stagedTransactions,
  storeClosed,
  storeCounters,
  type WritableRowStore,
} from "@engram-ts/core";
import { checkSameTable, commitsOf, currentTable } from "./current-table.js";
import { type Environment, holdEnvironment, type TransactionWriter } from "./lmdb-environment.js";
import { lmdbFault } from "./lmdb-fault.js";
import { type CheckedLmdbOptions, checkLmdbOptions, type LmdbStoreOptions } from "./lmdb-options.js";
import type { Snapshot } from "./lmdb-snapshot.js";
import { MappedRows, type TicketScope } from "./lmdb-ticket.js";
import { type BlockWriter, blockWriter } from "./lmdb-writer.js";
import { type MappedBlocks, mappedBlocks } from "./mapped-blocks.js";
import { residency } from "./residency.js";
import { putPatches, rowPatches } from "./row-patches.js";
import { rowWarming } from "./row-warming.js";
import { commitsKey, encodeRecord, readPublished } from "./table-records.js";
import { warmReads } from "./warm-reads.js";

/** What a store found, for people and benchmarks. */
export interface LmdbDiagnostics {
  readonly blocks: number;
  /** Bytes of rows held in memory because they cannot be mapped: short last blocks, or all. */
  readonly copiedBytes: number;
}

/** A table in LMDB. */
export interface LmdbStore extends WritableRowStore {
  readonly diagnostics: LmdbDiagnostics;
}

const TIER = "lmdb";
/** Rows given to `initialize` at a time: at most this many bytes. */
const RUN_BYTES = 2 ** 22;

/**
 * Opens a table in an LMDB environment, and writes it first where `initialize` says how and there is none.
 * @throws EngramError `not-found`, `manifest-mismatch` (another table than asked for), `permission-denied`,
 * `out-of-space`, `truncated`, `invalid-manifest` (damaged), `unsupported` (another format, or a build of lmdb that
 * cannot map so large a table), `invalid-argument`, `io`.
 * @example const store = await lmdbStore({ path: "./tables", layer: 1 });
 */
export async function lmdbStore(options: LmdbStoreOptions): Promise<LmdbStore> {
  const checked = checkLmdbOptions(options);
  if (checked.initialize !== undefined) await writeTable(checked);
  return openAt(checked);
}

/** Opens a published table, at a snapshot where one is given: the tables of one opening are then of one publication. */
export async function openAt(options: CheckedLmdbOptions, snapshot?: Snapshot): Promise<LmdbStore> {
  const lazy = options.durability === "close";
  const environment = await holdEnvironment(options.path, "lmdbStore", { create: false, lazy });
  try {
    return create(environment, options, snapshot?.retain() ?? environment.snapshot());
  } catch (error) {
    await environment.release();
    throw lmdbFault(error, "lmdbStore", options.path);
  }
}

async function writeTable({ path, layer = 0, table, initialize, durability }: CheckedLmdbOptions): Promise<void> {
  if (table === undefined || initialize === undefined) return;
  const environment = await holdEnvironment(path, "lmdbStore", { create: true, lazy: durability === "close" });
  let writer: BlockWriter | undefined;
  try {
    if (isPublished(environment)) return;
    writer = await blockWriter(environment, { tables: new Map([[layer, table]]) }, {});
    const run = Math.max(1, Math.floor(RUN_BYTES / table.rowBytes));
    for (let row = writer.committed.get(layer) ?? 0; row < table.rows; row += run) {
      const rows = new Uint8Array(Math.min(run, table.rows - row) * table.rowBytes);
      await initialize(row, rows);
      await writer.write(layer, row, rows);
    }
    await writer.finish();
  } finally {
    await writer?.close();
    await environment.release();
  }
}

function isPublished(environment: Environment): boolean {
  const snapshot = environment.snapshot();
  try {
    return readPublished(snapshot) !== undefined;
  } finally {
    snapshot.release();
  }
}

function create(environment: Environment, options: CheckedLmdbOptions, snapshot: Snapshot): LmdbStore {
  const { maxBatch, refreshMs, copyBytes, durability } = options;
  const current = currentTable(environment, options, snapshot);
  const { table, id } = current.record;
  let blocks: MappedBlocks;
  try {
    blocks = mappedBlocks(snapshot, current.record, {
      copyBytes,
      pageBytes: environment.pageBytes,
      fileBytes: fstatSync(environment.file).size,
    });
  } catch (error) {
    current.release();
    throw error;
  }
  const patches = rowPatches(current.record);
  patches.load(current.snapshot);
  const known = residency(blocks.blocks);
  const reads = warmReads(environment.file, environment.path);
  const warm = rowWarming({ table, blocks, residency: known, reads });
  const scope: TicketScope = { table, blocks, patches, residency: known, closed: false };
  const capabilities: StoreCapabilities = { maxBatch, resident: false, writable: environment.writable, durable: true };
  const counters = storeCounters([TIER]);
  const tickets = new Set<StoreTicket>();
  const onRelease = (ticket: StoreTicket): void => {
    tickets.delete(ticket);
  };
  let committing: Promise<void> | undefined;
  let closing: Promise<void> | undefined;
  let refreshAt = performance.now() + refreshMs;

  const refresh = (): void => {
    refreshAt = performance.now() + refreshMs;
    if (current.refresh()) patches.load(current.snapshot);
  };

  const checkOpen = (operation: string): void => {
    if (closing !== undefined) throw storeClosed(operation);
  };
  const apply = async (puts: readonly StagedPut[]): Promise<void> => {
    if (puts.length === 0) return;
    let before = -1;
    const write = (transaction: TransactionWriter): void => {
      const published = readPublished(transaction)?.tables.find((one) => one.id === id);
      if (published === undefined) {
        throw new EngramError({
          code: "manifest-mismatch",
          operation: "transaction.commit",
          message: "the table was replaced by another one since this store was opened; open it again",
        });
      }
      checkSameTable(published.table, table, "transaction.commit");
      before = commitsOf(transaction, id);
      putPatches(transaction, current.record, puts);
      transaction.put(commitsKey(id), encodeRecord({ commits: before + 1 }));
    };
    const work = environment.transact("transaction.commit", write, { durable: durability === "commit" });
    committing = work.catch(() => {});
    await work;
    if (closing !== undefined) return;
    // Where no other process has committed since, which rows have patches is known without looking for them all.
    const known = before === current.commits;
    refreshAt = performance.now() + refreshMs;
    if (current.refresh() && !(known && current.commits === before + 1)) patches.load(current.snapshot);
    else for (const { rowIds } of puts) patches.add(rowIds);
  };

  const begin = stagedTransactions({ table, maxBatch, checkOpen, apply });

  const close = async (): Promise<void> => {
    const error = storeClosed("ticket.gather");
    for (const ticket of tickets) ticket.fail(error);
    scope.closed = true;
    await committing;
    await reads.idle();
    current.release();
    await environment.release();
  };

  const store: LmdbStore = {
    table,
    capabilities,
    diagnostics: { blocks: blocks.blocks.length, copiedBytes: blocks.copiedBytes },
    prefetch(rowIds, prefetchOptions) {
      if (closing !== undefined) throw storeClosed("store.prefetch");
      checkRowIds(rowIds, table, maxBatch, "store.prefetch");
      if (prefetchOptions !== undefined) checkPrefetchOptions(prefetchOptions, "store.prefetch");
      if (performance.now() >= refreshAt) refresh();
      const ids = rowIds.slice();
      const job = prefetchOptions?.signal?.aborted === true ? undefined : warm(ids, prefetchOptions?.priority ?? 0);
      counters.hit(TIER, ids.length);
      const source = new MappedRows(scope, ids, current.snapshot.retain(), job);
      const ticket = new StoreTicket(source, counters, prefetchOptions, onRelease);
      tickets.add(ticket);
      return ticket;
    },
    begin() {
      checkOpen("store.begin");
      if (environment.writable) return begin();
      throw new EngramError({
        code: "store-read-only",
        operation: "store.begin",
        message: `${environment.path} cannot be written by this user; give it write access, or copy the tables elsewhere`,
      });
    },
    stats: () => counters.snapshot(),
    close() {
      closing ??= close();
      return closing;
    },
    [Symbol.asyncDispose]: () => store.close(),
  };
  return store;
}
