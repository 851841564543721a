// Moves tables, row by row and bit by bit, from sources into a driver's writer, and compares afterwards. What was committed
// before is not written again, only read again for the digest. Used by import, copy and fill; knows no storage.

import { createHash, type Hash } from "node:crypto";
import { EngramError, type Manifest, type TableWriter } from "@engram-ts/core";
import type { ProgressReporter } from "./progress.js";
import { checkSignal } from "./table-copy-interrupt.js";
import type { RowSource } from "./table-copy-source.js";

/** How rows are moved. */
export interface CopyOptions {
  readonly progress: ProgressReporter;
  readonly signal?: AbortSignal;
  /** Bytes of rows that are read at once. Default 4 MiB. */
  readonly chunkBytes?: number;
}

/** What was moved of one table. */
export interface CopiedTable {
  readonly layer: number;
  readonly rows: number;
  readonly bytes: number;
  /** Rows that an earlier run had committed. */
  readonly resumedRows: number;
  readonly seconds: number;
  /** `sha256:` and hex of all encoded rows. */
  readonly digest: string;
}

/** What {@link copyTables} did. */
export interface CopiedTables {
  readonly manifest: Manifest;
  readonly tables: readonly CopiedTable[];
}

/**
 * Writes all rows of all sources and publishes the tables.
 * @throws EngramError `aborted` at the caller's signal, after what was committed is safe; what sources and writer throw.
 */
export async function copyTables(
  sources: readonly RowSource[],
  writer: TableWriter,
  options: CopyOptions,
): Promise<CopiedTables> {
  const tables: CopiedTable[] = [];
  try {
    for (const source of sources) tables.push(await copyTable(source, writer, options));
    checkSignal(options.signal);
    const manifest = await writer.finish(new Map(tables.map(({ layer, digest }) => [layer, digest])));
    return { manifest, tables };
  } finally {
    await writer.close();
  }
}

async function copyTable(source: RowSource, writer: TableWriter, options: CopyOptions): Promise<CopiedTable> {
  const { layer, table } = source;
  const { rows, rowBytes } = table;
  const resumedRows = Math.min(rows, writer.committed.get(layer) ?? 0);
  const hash = createHash("sha256");
  const began = performance.now();
  if (resumedRows > 0) {
    options.progress.note(
      `layer ${layer}: ${resumedRows} of ${rows} rows are there already; reading them for the digest`,
    );
  }
  const progress = options.progress.start(`layer ${layer}`, rows * rowBytes, resumedRows * rowBytes);
  for await (const { firstRow, bytes } of chunks(source, options)) {
    hash.update(bytes);
    const skip = Math.min(bytes.length, Math.max(0, resumedRows - firstRow) * rowBytes);
    if (skip < bytes.length) {
      await writer.write(layer, firstRow + skip / rowBytes, bytes.subarray(skip));
      progress.report(firstRow * rowBytes + bytes.length);
    }
  }
  progress.end(rows * rowBytes);
  const seconds = (performance.now() - began) / 1000;
  const digest = digestText(hash);
  if (source.digest !== undefined && source.digest !== digest) throw damagedSource(layer, digest, source.digest);
  return { layer, rows, bytes: (rows - resumedRows) * rowBytes, resumedRows, seconds, digest };
}

function damagedSource(layer: number, found: string, stated: string): EngramError {
  return new EngramError({
    code: "digest-mismatch",
    operation: "engram",
    message: `the rows of layer ${layer} that were read are ${found}, and their manifest says ${stated}: they are damaged where they come from, and nothing was published; find out where with engram verify`,
    context: { layer, found, stated },
  });
}

/** The digest of all rows of a source. */
export async function digestSource(source: RowSource, name: string, options: CopyOptions): Promise<string> {
  const hash = createHash("sha256");
  const progress = options.progress.start(name, source.table.rows * source.table.rowBytes);
  let done = 0;
  for await (const { bytes } of chunks(source, options)) {
    hash.update(bytes);
    done += bytes.length;
    progress.report(done);
  }
  progress.end(done);
  return digestText(hash);
}

/** A run of rows. */
export interface RowChunk {
  readonly firstRow: number;
  readonly bytes: Uint8Array;
}

/** All rows in order; the next chunk is being read while one is worked on. Two buffers take turns: use a chunk at once. */
export async function* chunks(
  source: RowSource,
  { signal, chunkBytes = 2 ** 22 }: Omit<CopyOptions, "progress">,
): AsyncGenerator<RowChunk, void> {
  const { rows, rowBytes } = source.table;
  const chunkRows = Math.max(1, Math.min(rows, Math.floor(chunkBytes / rowBytes)));
  const buffers = [new Uint8Array(chunkRows * rowBytes), new Uint8Array(chunkRows * rowBytes)];
  const ask = async (firstRow: number, turn: number): Promise<RowChunk> => {
    const bytes = (buffers[turn % 2] as Uint8Array).subarray(0, Math.min(chunkRows, rows - firstRow) * rowBytes); // of two
    await source.read(firstRow, bytes);
    return { firstRow, bytes };
  };
  checkSignal(signal);
  let next: Promise<RowChunk> | undefined = ask(0, 0);
  for (let turn = 1; next !== undefined; turn++) {
    const chunk: RowChunk = await next;
    checkSignal(signal);
    const from = chunk.firstRow + chunk.bytes.length / rowBytes;
    next = from < rows ? ask(from, turn) : undefined;
    next?.catch(() => undefined); // where the consumer stops before it is awaited
    yield chunk;
  }
}

/** A place where two tables differ. */
export interface Difference {
  readonly row: number;
  /** Byte within the row. */
  readonly byte: number;
}

/** The first difference between two sources of one shape, in the given runs of rows; undefined where there is none. */
export async function firstDifference(
  left: RowSource,
  right: RowSource,
  runs: Iterable<{ readonly firstRow: number; readonly rows: number }>,
  report: (bytes: number) => void = () => {},
  signal?: AbortSignal,
): Promise<Difference | undefined> {
  const { rowBytes } = left.table;
  for (const { firstRow, rows } of runs) {
    checkSignal(signal);
    const [a, b] = [new Uint8Array(rows * rowBytes), new Uint8Array(rows * rowBytes)];
    await Promise.all([left.read(firstRow, a), right.read(firstRow, b)]);
    report(a.length);
    if (Buffer.compare(a, b) === 0) continue;
    const at = a.findIndex((byte, i) => byte !== b[i]);
    return { row: firstRow + Math.floor(at / rowBytes), byte: at % rowBytes };
  }
  return undefined;
}

/** All rows of a table, in runs of about a chunk. */
export function* allRuns(
  rows: number,
  rowBytes: number,
  chunkBytes = 2 ** 22,
): Generator<{ firstRow: number; rows: number }> {
  const most = Math.max(1, Math.floor(chunkBytes / rowBytes));
  for (let firstRow = 0; firstRow < rows; firstRow += most) yield { firstRow, rows: Math.min(most, rows - firstRow) };
}

function digestText(hash: Hash): string {
  return `sha256:${hash.digest("hex")}`;
}
