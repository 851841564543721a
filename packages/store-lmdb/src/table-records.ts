// The records that say what an environment holds: the tables that are published, those that are being written, and
// those that were replaced and whose blocks are still to be removed. Each is JSON behind its SHA-256, and is checked
// field by field when it is read: a damaged record is an error, never another table.

import { createHash } from "node:crypto";
import {
  checkRowEncoding,
  EngramError,
  MAX_ROWS,
  type Manifest,
  parseManifest,
  type TableInfo,
  tableInfo,
} from "@engram-ts/core";
import { rowsPerBlock } from "./block-layout.js";
import { metaKey } from "./lmdb-keys.js";

/** A table in an environment. */
export interface TableRecord {
  readonly layer: number;
  /** Names the table's blocks and rows; never used again for another table. */
  readonly id: number;
  readonly table: TableInfo;
  readonly blockRows: number;
}

/** What readers see. */
export interface PublishedRecord {
  readonly manifest?: Manifest;
  /** Names the record with the bytes of the manifest's token map. */
  readonly tokenMap?: string;
  readonly tables: readonly TableRecord[];
}

/** What is being written. */
export interface PendingRecord {
  /** SHA-256 of the plan: another plan starts anew. */
  readonly plan: string;
  /** Names the writer that goes on with it; an older one sees that it was replaced. */
  readonly writer: string;
  /** As in {@link PublishedRecord}. */
  readonly tokenMap?: string;
  readonly tables: readonly TableRecord[];
}

/** A table that nobody opens any more. */
export interface RetiredTable {
  readonly id: number;
}

export const PUBLISHED = metaKey("published");
export const PENDING = metaKey("pending");
export const RETIRED = metaKey("retired");
export const NEXT_ID = metaKey("next-id");

/** Counts the commits to a table's rows, so that other stores see that there was one. */
export function commitsKey(id: number): Uint8Array {
  return metaKey(`commits/${id}`);
}

/** A source of records: a snapshot or a transaction. */
export interface RecordReader {
  read(key: Uint8Array): Uint8Array | undefined;
}

const MAX_RECORD_BYTES = 2 ** 25;
const DIGEST_BYTES = 32;

/** A record's bytes. */
export function encodeRecord(value: unknown): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(value));
  const bytes = new Uint8Array(DIGEST_BYTES + text.length);
  bytes.set(createHash("sha256").update(text).digest());
  bytes.set(text, DIGEST_BYTES);
  return bytes;
}

/** @throws EngramError `invalid-manifest` where the bytes are not those that were written. */
export function decodeRecord(bytes: Uint8Array, name: string): unknown {
  const text = bytes.subarray(DIGEST_BYTES);
  const whole = bytes.length > DIGEST_BYTES && bytes.length <= MAX_RECORD_BYTES;
  const digest = whole ? createHash("sha256").update(text).digest() : undefined;
  if (digest === undefined || !digest.equals(bytes.subarray(0, DIGEST_BYTES))) {
    return refuse(`the record ${name} is damaged: its bytes do not have its digest`);
  }
  return JSON.parse(new TextDecoder().decode(text));
}

/** The published tables, or undefined where nothing is. */
export function readPublished(from: RecordReader): PublishedRecord | undefined {
  const record = readObject(from, PUBLISHED, "published");
  if (record === undefined) return undefined;
  const tables = readTables(record.tables, "published");
  if (record.manifest === undefined) return { tables };
  return { manifest: parseManifest(record.manifest), ...tokenMapField(record), tables };
}

/** What is being written, or undefined. */
export function readPending(from: RecordReader): PendingRecord | undefined {
  const record = readObject(from, PENDING, "pending");
  if (record === undefined) return undefined;
  const { plan, writer } = record;
  if (typeof plan !== "string" || typeof writer !== "string") return refuse("the record pending has no plan");
  return { plan, writer, ...tokenMapField(record), tables: readTables(record.tables, "pending") };
}

function tokenMapField({ tokenMap }: Readonly<Record<string, unknown>>): { readonly tokenMap?: string } {
  return typeof tokenMap === "string" ? { tokenMap } : {};
}

/** The tables to be removed. */
export function readRetired(from: RecordReader): readonly RetiredTable[] {
  const record = readObject(from, RETIRED, "retired");
  if (record === undefined) return [];
  if (!Array.isArray(record.tables)) return refuse("the record retired has no tables");
  return record.tables.map((entry: unknown) => ({ id: whole((entry as RetiredTable).id, 0xffff_fffe, "retired") })); // checked here
}

/** The id of the next table that is written. */
export function readNextId(from: RecordReader): number {
  const record = readObject(from, NEXT_ID, "next-id");
  return record === undefined ? 1 : whole(record.id, 0xffff_fffe, "next-id");
}

function readObject(from: RecordReader, key: Uint8Array, name: string): Readonly<Record<string, unknown>> | undefined {
  const bytes = from.read(key);
  if (bytes === undefined) return undefined;
  const value = decodeRecord(bytes, name);
  if (typeof value !== "object" || value === null) return refuse(`the record ${name} is no object`);
  return value as Readonly<Record<string, unknown>>; // just checked
}

function readTables(value: unknown, name: string): readonly TableRecord[] {
  if (!Array.isArray(value)) return refuse(`the record ${name} has no tables`);
  return value.map((entry: unknown) => {
    const { layer, id, table, blockRows } = entry as Readonly<Record<keyof TableRecord, unknown>>; // each is checked
    const { rows, encoding, digest } = (table ?? {}) as Partial<TableInfo>; // as are these
    checkRowEncoding(encoding, "lmdb");
    const described = tableInfo({
      rows: whole(rows, MAX_ROWS, name),
      encoding,
      ...(digest === undefined ? {} : { digest }),
    });
    if (blockRows !== rowsPerBlock(described.rowBytes))
      return refuse(`the record ${name} has blocks of ${String(blockRows)} rows`);
    return { layer: whole(layer, MAX_ROWS, name), id: whole(id, 0xffff_fffe, name), table: described, blockRows };
  });
}

function whole(value: unknown, most: number, name: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most) return value;
  return refuse(`the record ${name} holds ${String(value)} where a whole number to ${most} belongs`);
}

function refuse(message: string): never {
  throw new EngramError({
    code: "invalid-manifest",
    operation: "lmdb",
    message: `${message}; the environment is damaged, write it anew`,
  });
}
