// A row cache in LMDB: some rows of one table, filled on demand, that outlive the process. One value a row, with a
// checksum over row id and bytes, since a cache lives long on disks that nobody looks after.
//
// Eviction is by age, in two generations: rows go into the newer one; when that holds half of the budget, it becomes the
// older one and what was the older one is removed. A row that is still wanted then comes back from the tier behind. So a
// hit writes nothing, and the budget is exceeded only while a generation is being removed.

import { crc32 } from "node:zlib";
import { EngramError, type RowCache, type TableInfo } from "@engram-ts/core";
import { type CacheRecord, readCacheRecord, writeCacheRecord } from "./cache-record.js";
import { type Environment, holdEnvironment, markFormat } from "./lmdb-environment.js";
import { KIND, rowKey, writeRowKey } from "./lmdb-keys.js";
import { removeRows } from "./retired-tables.js";

/** A cache in an LMDB environment. */
export interface LmdbCacheOptions {
  /** The environment's folder, made where there is none. */
  readonly path: string;
  /** The layer whose table it is for; an environment keeps one cache for each. */
  readonly layer: number;
  readonly table: TableInfo;
  /** Most bytes of rows, checksums and keys. Default 8 GiB. */
  readonly bytes?: number;
}

const CHECKSUM_BYTES = 4;
/** A key, and what LMDB keeps for an entry of a page. */
const ENTRY_BYTES = 24;
/** Rows looked for at once; more are brought into memory on other threads first. */
const MOST_AT_ONCE = 512;
/** Threads' worth of keys: lmdb-js walks the keys of one call one after the other. */
const PREFETCH_CALLS = 16;
/** As of rows in memory, with time for a pause of the process; slower lookups had to wait for the disk. */
const QUICK_US_PER_ROW = 15;
const PAUSE_US = 300;
const REMOVED_ROWS = 16_384;

/**
 * Opens a cache, or makes one. A table without a digest is told from others by its shape alone: give it a folder of its own.
 * @throws EngramError `manifest-mismatch` where the cache is of another table; `permission-denied`; `unsupported`;
 * `invalid-argument` where `bytes` hold no two rows; `io`.
 */
export async function openLmdbCache(options: LmdbCacheOptions): Promise<RowCache> {
  const { path, layer, table, bytes = 2 ** 33 } = options;
  const entryBytes = table.rowBytes + CHECKSUM_BYTES + ENTRY_BYTES;
  if (!(bytes >= 2 * entryBytes)) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "openLmdbCache",
      message: `options.bytes is ${bytes}; a cache of this table needs at least ${2 * entryBytes}, for two rows`,
    });
  }
  const environment = await holdEnvironment(path, "openLmdbCache", { create: true });
  try {
    const record = await prepare(environment, layer, table);
    return cacheOf(environment, layer, record, Math.floor(bytes / 2 / entryBytes));
  } catch (error) {
    await environment.release();
    throw error;
  }
}

async function prepare(environment: Environment, layer: number, table: TableInfo): Promise<CacheRecord> {
  let record: CacheRecord | undefined;
  await environment.transact("openLmdbCache", (transaction) => {
    markFormat(transaction);
    record = readCacheRecord(transaction, layer, table);
    writeCacheRecord(transaction, layer, record);
  });
  if (record === undefined) throw new TypeError("the transaction has run");
  return record;
}

function cacheOf(environment: Environment, layer: number, opened: CacheRecord, mostRows: number): RowCache {
  const { database } = environment;
  const { table } = opened;
  const { rowBytes } = table;
  const valueBytes = rowBytes + CHECKSUM_BYTES;
  const counts = { lookups: 0, found: 0, filled: 0, damaged: 0 };
  const key = new Uint8Array(9);
  let record = opened;
  let quick = true;
  let closed = false;
  let closing: Promise<void> | undefined;
  /** Writes go one after the other; removing old generations is part of them. */
  let writing: Promise<unknown> = Promise.resolve();

  /** Copies a row where it is here and whole. */
  const copyRow = (row: number, out: Uint8Array, at: number): boolean => {
    for (const generation of [record.newer, record.older]) {
      writeRowKey(key, KIND.cached, generation, row);
      const value = database.getBinaryFast(key);
      if (value === undefined) continue;
      if (value.length !== valueBytes || checksumOf(row, value.subarray(0, rowBytes)) !== readUint32(value, rowBytes)) {
        counts.damaged++;
        continue;
      }
      out.set(value.subarray(0, rowBytes), at);
      return true;
    }
    return false;
  };

  const lookNow = (rowIds: Uint32Array, out: Uint8Array, found: Uint8Array): number => {
    const start = performance.now();
    let added = 0;
    let looked = 0;
    for (let i = 0; i < rowIds.length; i++) {
      if (found[i] !== 0) continue;
      looked++;
      if (!copyRow(rowIds[i] as number, out, i * rowBytes)) continue; // i < length
      found[i] = 1;
      added++;
    }
    counts.lookups += looked;
    counts.found += added;
    quick = (performance.now() - start) * 1_000 <= PAUSE_US + looked * QUICK_US_PER_ROW;
    return added;
  };

  const lookLater = async (rowIds: Uint32Array, out: Uint8Array, found: Uint8Array): Promise<number> => {
    const keys: Uint8Array[] = [];
    for (let i = 0; i < rowIds.length; i++) {
      if (found[i] !== 0) continue;
      keys.push(rowKey(KIND.cached, record.newer, rowIds[i] as number)); // i < length
      keys.push(rowKey(KIND.cached, record.older, rowIds[i] as number));
    }
    const share = Math.ceil(keys.length / PREFETCH_CALLS);
    const calls: Promise<void>[] = [];
    for (let at = 0; at < keys.length; at += share) calls.push(database.prefetch(keys.slice(at, at + share)));
    await Promise.all(calls);
    return closed ? 0 : lookNow(rowIds, out, found);
  };

  const write = async (rowIds: Uint32Array, rows: Uint8Array): Promise<void> => {
    if (closed) return;
    let next = record;
    await environment.transact("cache.fill", (transaction) => {
      next = readCacheRecord(transaction, layer, table); // another process may have begun a generation
      if (next.rows > 0 && next.rows + rowIds.length > mostRows) next = nextGeneration(next);
      for (let i = 0; i < rowIds.length; i++) {
        const row = rowIds[i] as number; // i < length
        const value = new Uint8Array(valueBytes);
        value.set(rows.subarray(i * rowBytes, (i + 1) * rowBytes));
        writeUint32(value, rowBytes, checksumOf(row, value.subarray(0, rowBytes)));
        transaction.put(rowKey(KIND.cached, next.newer, row), value);
      }
      next = { ...next, rows: next.rows + rowIds.length };
      writeCacheRecord(transaction, layer, next);
    });
    record = next;
    counts.filled += rowIds.length;
    await removeOld();
  };

  const removeOld = async (): Promise<void> => {
    for (const id of record.retired) {
      if (closed) return;
      await removeRows(environment, KIND.cached, id, REMOVED_ROWS);
      await environment.transact("cache.fill", (transaction) => {
        const now = readCacheRecord(transaction, layer, table);
        record = { ...now, retired: now.retired.filter((one) => one !== id) };
        writeCacheRecord(transaction, layer, record);
      });
    }
  };

  return {
    name: "lmdb",
    table,
    lookup(rowIds, out, found) {
      if (closed) return 0;
      if (rowIds.length <= MOST_AT_ONCE && quick) return lookNow(rowIds, out, found);
      return lookLater(rowIds, out, found);
    },
    async fill(rowIds, rows) {
      // a fill of more than a generation would be gone before it is asked for
      const some = Math.min(rowIds.length, mostRows);
      const done = writing.then(() => write(rowIds.subarray(0, some), rows.subarray(0, some * rowBytes)));
      writing = done.catch(() => {}); // told to whoever filled
      await done;
    },
    stats: () => ({ ...counts }),
    close() {
      closed = true;
      closing ??= writing.then(() => environment.release());
      return closing;
    },
  };
}

function nextGeneration({ table, newer, older, retired, nextId }: CacheRecord): CacheRecord {
  return { table, newer: nextId, older: newer, rows: 0, retired: [...retired, older], nextId: nextId + 1 };
}

function checksumOf(row: number, bytes: Uint8Array): number {
  return crc32(bytes, row);
}

function readUint32(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
}

function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value, true);
}
