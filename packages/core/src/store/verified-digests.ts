// Digests of the rows of a table, one for each block of consecutive rows: how they are computed, and how one is checked.
// SHA-256 by WebCrypto, which Node and browsers have. Not here: the digest of a whole table, which needs a running hash.

import { EngramError } from "../errors.js";
import type { TableInfo } from "../rows/table.js";
import type { RowStore } from "./row-store.js";

/** The digests of a table. */
export interface RowDigests {
  /** Rows of a block; the last one may have fewer. */
  readonly blockRows: number;
  /** SHA-256 of each block's encoded rows, `[ceil(rows / blockRows), 32]`. */
  readonly digests: Uint8Array;
}

/** Bytes of a SHA-256 digest. */
export const DIGEST_BYTES = 32;

/** How many blocks a table has. */
export function blockCount(table: TableInfo, blockRows: number): number {
  return Math.ceil(table.rows / blockRows);
}

/**
 * Digests a table's rows, given from the first to the last.
 * @param chunks the encoded rows, cut anywhere; `rowChunks(store)` reads them from a store.
 * @throws EngramError `truncated` where there are fewer or more bytes than the table's; `invalid-argument`, `unsupported`.
 * @example const digests = await digestRows(store.table, rowChunks(store), { blockRows: 64 });
 */
export async function digestRows(
  table: TableInfo,
  chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  options: { readonly blockRows: number },
): Promise<RowDigests> {
  const { blockRows } = options;
  checkBlockRows(blockRows, "digestRows");
  const digests = new Uint8Array(blockCount(table, blockRows) * DIGEST_BYTES);
  const block = new Uint8Array(Math.min(blockRows, table.rows) * table.rowBytes);
  const total = table.rows * table.rowBytes;
  let seen = 0;
  let filled = 0;
  let done = 0;
  const finish = async (): Promise<void> => {
    digests.set(await sha256(block.slice(0, filled)), done * DIGEST_BYTES);
    done++;
    filled = 0;
  };
  for await (const chunk of chunks) {
    seen += chunk.length;
    if (seen > total) break;
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + block.length - filled);
      block.set(part, filled);
      filled += part.length;
      at += part.length;
      if (filled === block.length) await finish();
    }
  }
  if (seen !== total) {
    throw new EngramError({
      code: "truncated",
      operation: "digestRows",
      message: `${seen > total ? "more than " : ""}${Math.min(seen, total)} bytes of rows were given, and ${table.rows} rows of ${table.rowBytes} bytes are ${total}`,
      context: { total },
    });
  }
  if (filled > 0) await finish();
  return { blockRows, digests };
}

/** How a table is read through. */
export interface RowChunksOptions {
  /** Rows of a chunk. Default as many as make 4 MiB. */
  readonly chunkRows?: number;
  readonly signal?: AbortSignal;
}

/**
 * All rows of a store in order, chunk by chunk; the next chunk is being read while one is worked on.
 * @throws EngramError what reading fails with; `aborted`.
 */
export async function* rowChunks(store: RowStore, options: RowChunksOptions = {}): AsyncGenerator<Uint8Array, void> {
  const { table, capabilities } = store;
  const { chunkRows = Math.max(1, Math.floor(2 ** 22 / table.rowBytes)), signal } = options;
  checkBlockRows(chunkRows, "rowChunks");
  const rows = Math.min(chunkRows, capabilities.maxBatch);
  const ask = (first: number) =>
    first >= table.rows
      ? undefined
      : store.prefetch(consecutive(first, Math.min(rows, table.rows - first)), signal === undefined ? {} : { signal });
  let next = ask(0);
  let first = 0;
  try {
    for (let ticket = next; ticket !== undefined; ticket = next) {
      await ticket.ready;
      const out = new Uint8Array(ticket.length * table.rowBytes);
      ticket.gather(out);
      ticket.release();
      first += ticket.length;
      next = ask(first);
      yield out;
    }
  } finally {
    next?.release();
  }
}

/** `count` row ids from `first` on. */
function consecutive(first: number, count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => first + i);
}

/** @throws EngramError `invalid-argument`. */
export function checkBlockRows(blockRows: number, operation: string): void {
  if (Number.isSafeInteger(blockRows) && blockRows >= 1) return;
  throw new EngramError({
    code: "invalid-argument",
    operation,
    message: `${String(blockRows)} rows of a block or chunk; use a whole number from 1`,
  });
}

/**
 * SHA-256.
 * @throws EngramError `unsupported` where there is no WebCrypto, as in a page that was not loaded over HTTPS.
 */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const subtle = globalThis.crypto?.subtle as SubtleCrypto | undefined; // absent in insecure contexts
  if (subtle === undefined) {
    throw new EngramError({
      code: "unsupported",
      operation: "sha256",
      message: "WebCrypto (crypto.subtle) is missing here; load the page over HTTPS, or leave verified out",
    });
  }
  return new Uint8Array(await subtle.digest("SHA-256", bytes));
}
