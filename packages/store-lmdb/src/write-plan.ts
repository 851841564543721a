// The transactions that begin and end a writing: taking up a plan, and publishing its tables. Both are all or nothing,
// whatever dies in between.

import { createHash } from "node:crypto";
import { EngramError, type Manifest, type TableInfo, tableInfo } from "@engram-ts/core";
import { rowsPerBlock } from "./block-layout.js";
import { markFormat, type TransactionWriter } from "./lmdb-environment.js";
import { metaKey } from "./lmdb-keys.js";
import { retire } from "./retired-tables.js";
import {
  encodeRecord,
  NEXT_ID,
  PENDING,
  type PendingRecord,
  PUBLISHED,
  type PublishedRecord,
  readNextId,
  readPending,
  readPublished,
  type TableRecord,
} from "./table-records.js";

/** What is to be written; without a manifest, tables that are addressed by other means. */
export interface WritePlan {
  readonly manifest?: Omit<Manifest, "modules">;
  readonly tables: ReadonlyMap<number, TableInfo>;
  /** The bytes of the manifest's token map. */
  readonly tokenMap?: Uint8Array;
}

/** The writing of one table. */
export interface LayerState {
  readonly record: TableRecord;
  /** Rows in whole blocks, which are committed. */
  whole: number;
  /** Rows after those, in `block`. */
  filled: number;
  block: Uint8Array | undefined;
}

/** Who takes up which plan. */
export interface PlanRequest {
  readonly plan: WritePlan;
  readonly digest: string;
  readonly writer: string;
  readonly replace: boolean;
  readonly path: string;
}

/** Goes on with the pending plan where it is the same one, and begins the plan otherwise. */
export function adoptPlan(transaction: TransactionWriter, request: PlanRequest): void {
  const { plan, digest, writer, replace, path } = request;
  const pending = readPending(transaction);
  markFormat(transaction);
  if (pending?.plan === digest) {
    transaction.put(PENDING, encodeRecord({ ...pending, writer }));
    return;
  }
  if (pending !== undefined) {
    if (!replace) {
      throw new EngramError({
        code: "manifest-mismatch",
        operation: "driver.write",
        message: `${path} holds the unfinished writing of other tables; finish it, or write with { replace: true } to forget it`,
        context: { path },
      });
    }
    retire(transaction, pending.tables);
  }
  const tokenMap = putTokenMap(transaction, plan);
  let id = readNextId(transaction);
  const tables = [...plan.tables].map(([layer, { rows, encoding, digest: rowsDigest }]): TableRecord => {
    const table = tableInfo({ rows, encoding, ...(rowsDigest === undefined ? {} : { digest: rowsDigest }) });
    return { layer, id: id++, table, blockRows: rowsPerBlock(table.rowBytes) };
  });
  transaction.put(NEXT_ID, encodeRecord({ id }));
  const record: PendingRecord = { plan: digest, writer, ...(tokenMap === undefined ? {} : { tokenMap }), tables };
  transaction.put(PENDING, encodeRecord(record));
}

/** @throws EngramError `transaction-closed` where another writer has taken up the plan, or it is published. */
export function checkOwner(transaction: TransactionWriter, writer: string): PendingRecord {
  const pending = readPending(transaction);
  if (pending?.writer === writer) return pending;
  throw new EngramError({
    code: "transaction-closed",
    operation: "writer.write",
    message: "another writer has taken over this environment; let one writer finish at a time",
  });
}

/** Makes the pending tables the published ones. */
export function publish(
  transaction: TransactionWriter,
  writer: string,
  tables: readonly TableRecord[],
  manifest: Manifest | undefined,
): void {
  const { tokenMap } = checkOwner(transaction, writer);
  const before = readPublished(transaction);
  if (before !== undefined) retire(transaction, before.tables);
  if (before?.tokenMap !== undefined && before.tokenMap !== tokenMap) transaction.remove(metaKey(before.tokenMap));
  const record: PublishedRecord = {
    ...(manifest === undefined ? {} : { manifest }),
    ...(tokenMap === undefined ? {} : { tokenMap }),
    tables,
  };
  transaction.put(PUBLISHED, encodeRecord(record));
  transaction.remove(PENDING);
}

/** Keeps a token map under its digest, so that the plans that share it share the record. */
function putTokenMap(transaction: TransactionWriter, { manifest, tokenMap }: WritePlan): string | undefined {
  const named = manifest?.tokenMap;
  if ((named === undefined) !== (tokenMap === undefined)) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "driver.write",
      message: "plan.tokenMap must be given where plan.manifest names a token map, and only there",
    });
  }
  if (named === undefined || tokenMap === undefined) return undefined;
  const digest = createHash("sha256").update(tokenMap).digest("hex");
  if (tokenMap.length !== named.bytes || digest !== named.sha256) {
    throw new EngramError({
      code: "digest-mismatch",
      operation: "driver.write",
      message: `plan.tokenMap is not the file of ${named.bytes} bytes whose digest plan.manifest has`,
    });
  }
  const name = `token-map/${digest}`;
  transaction.put(metaKey(name), tokenMap);
  return name;
}
