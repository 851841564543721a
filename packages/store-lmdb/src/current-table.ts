// One published table and the newest snapshot of it. A commit to its rows, by this process or another, moves the store
// to a newer snapshot; when the table is replaced by another one, the store stays at the last snapshot that has it, and
// LMDB keeps its pages for as long.

import { EngramError, type TableInfo } from "@engram-ts/core";
import type { Environment } from "./lmdb-environment.js";
import type { Snapshot } from "./lmdb-snapshot.js";
import { commitsKey, decodeRecord, readPublished, type TableRecord } from "./table-records.js";

/** A table as its store sees it. */
export interface CurrentTable {
  readonly record: TableRecord;
  /** The newest snapshot that has the table; retain it to keep it. */
  readonly snapshot: Snapshot;
  /** How many transactions had replaced rows of the table, as of the snapshot. */
  readonly commits: number;
  /** Looks for a newer one; gives true where rows of the table were replaced since. */
  refresh(): boolean;
  release(): void;
}

/**
 * Finds a table.
 * @param from held once for it, and let go of where this fails.
 * @throws EngramError `not-found`, `manifest-mismatch`, `invalid-manifest`.
 */
export function currentTable(
  environment: Environment,
  { layer, table: expected }: { readonly layer?: number; readonly table?: TableInfo },
  from: Snapshot,
): CurrentTable {
  let snapshot = from;
  let record: TableRecord;
  try {
    record = findTable(snapshot, environment.path, layer);
    if (expected !== undefined) checkSameTable(record.table, expected, "lmdbStore");
  } catch (error) {
    snapshot.release();
    throw error;
  }
  let commits = commitsOf(snapshot, record.id);
  let replaced = false;
  return {
    record,
    get snapshot() {
      return snapshot;
    },
    get commits() {
      return commits;
    },
    refresh() {
      if (replaced) return false;
      const newer = environment.snapshot();
      if (newer.transaction === snapshot.transaction) {
        newer.release();
        return false;
      }
      if (!readPublished(newer)?.tables.some(({ id }) => id === record.id)) {
        replaced = true;
        newer.release();
        return false;
      }
      snapshot.release();
      snapshot = newer;
      const before = commits;
      commits = commitsOf(snapshot, record.id);
      return commits !== before;
    },
    release: () => snapshot.release(),
  };
}

/** How many transactions replaced rows of a table. */
export function commitsOf(from: { read(key: Uint8Array): Uint8Array | undefined }, id: number): number {
  const bytes = from.read(commitsKey(id));
  return bytes === undefined ? 0 : Number((decodeRecord(bytes, "commits") as { commits?: unknown }).commits); // our own record
}

function findTable(snapshot: Snapshot, path: string, layer: number | undefined): TableRecord {
  const tables = readPublished(snapshot)?.tables ?? [];
  const found =
    layer === undefined && tables.length === 1 ? tables[0] : tables.find((one) => one.layer === (layer ?? 0));
  if (found !== undefined) return found;
  const layers = tables.map((one) => one.layer);
  throw new EngramError({
    code: "not-found",
    operation: "lmdbStore",
    message:
      layers.length === 0
        ? `${path} has no published table; was its import finished? run it again, it goes on where it was`
        : `${path} has tables for layers ${layers.join(", ")}, and none for ${layer ?? "an only one"}; name one of them`,
    context: { path, layers },
  });
}

/** @throws EngramError `manifest-mismatch`. */
export function checkSameTable(found: TableInfo, expected: TableInfo, operation: string): void {
  const scale = (table: TableInfo) => ("scale" in table.encoding ? Math.fround(table.encoding.scale) : 0);
  const same =
    found.rows === expected.rows &&
    found.encoding.kind === expected.encoding.kind &&
    found.encoding.width === expected.encoding.width &&
    scale(found) === scale(expected) &&
    (found.digest === undefined || expected.digest === undefined || found.digest === expected.digest);
  if (same) return;
  const shown = ({ rows, encoding, digest }: TableInfo) =>
    `${rows} rows of ${encoding.width} ${encoding.kind} values${digest === undefined ? "" : ` (${digest})`}`;
  throw new EngramError({
    code: "manifest-mismatch",
    operation,
    message: `the environment holds ${shown(found)}, and asked for are ${shown(expected)}; open the folder of this table, or an empty one`,
  });
}
