// The record of a row cache: which table it is for, and which generations of rows it has. Generations are numbered by
// layer, so that caches of several tables may share an environment.

import { checkRowEncoding, EngramError, type TableInfo, tableInfo } from "@engram-ts/core";
import { checkSameTable } from "./current-table.js";
import type { TransactionWriter } from "./lmdb-environment.js";
import { metaKey } from "./lmdb-keys.js";
import { decodeRecord, encodeRecord, type RecordReader } from "./table-records.js";

/** What a cache has. Ids of generations are those of rows' keys. */
export interface CacheRecord {
  readonly table: TableInfo;
  /** Where rows are filled in. */
  readonly newer: number;
  readonly older: number;
  /** Rows filled into the newer one, repeated ones counted. */
  readonly rows: number;
  /** Generations to be removed. */
  readonly retired: readonly number[];
  readonly nextId: number;
}

/** Generations of one layer; the next layer's start after them. A generation of a GiB each, they last for 2^18 GiB. */
const IDS_PER_LAYER = 2 ** 18;
const MAX_LAYER = 2 ** 14 - 1;

/**
 * The record of a layer's cache, as it is at first where there is none.
 * @throws EngramError `manifest-mismatch` where it is of another table, `invalid-manifest` where it is damaged.
 */
export function readCacheRecord(from: RecordReader, layer: number, table: TableInfo): CacheRecord {
  const first = firstId(layer);
  const bytes = from.read(cacheKey(layer));
  if (bytes === undefined) return { table, newer: first, older: first + 1, rows: 0, retired: [], nextId: first + 2 };
  const record = decodeRecord(bytes, `cache/${layer}`) as CacheRecord; // our own, behind its digest; checked below
  const { rows, encoding, digest } = record.table;
  checkRowEncoding(encoding, "openLmdbCache");
  const found = tableInfo({ rows, encoding, ...(digest === undefined ? {} : { digest }) });
  checkSameTable(found, table, "openLmdbCache");
  if (found.digest !== table.digest) {
    throw new EngramError({
      code: "manifest-mismatch",
      operation: "openLmdbCache",
      message: `the cache is of a table ${found.digest ?? "without a digest"}, and this one is ${table.digest ?? "without a digest"}; open a folder of its own for it`,
      context: { layer },
    });
  }
  for (const id of [record.newer, record.older, record.nextId, ...record.retired]) {
    if (Number.isInteger(id) && id >= first && id < first + IDS_PER_LAYER) continue;
    throw new EngramError({
      code: "invalid-manifest",
      operation: "openLmdbCache",
      message: `the record of the cache of layer ${layer} has generation ${String(id)}; remove the folder, it is filled anew`,
    });
  }
  return record;
}

/** Writes the record; as part of the transaction that changed what it says. */
export function writeCacheRecord(transaction: TransactionWriter, layer: number, record: CacheRecord): void {
  transaction.put(cacheKey(layer), encodeRecord(record));
}

function cacheKey(layer: number): Uint8Array {
  return metaKey(`cache/${layer}`);
}

function firstId(layer: number): number {
  if (Number.isInteger(layer) && layer >= 0 && layer <= MAX_LAYER) return layer * IDS_PER_LAYER;
  throw new EngramError({
    code: "invalid-argument",
    operation: "openLmdbCache",
    message: `layer is ${String(layer)}; use the 0-based index of a block, to ${MAX_LAYER}`,
  });
}
