// The file of block digests while a layer is written: rows are added as they come, the digest of each full block is
// appended to the file when it is saved. What the file holds is never cut, as a journal may count on it.

import { createHash, hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { BLOCK_DIGEST_BYTES, EngramError, type ManifestBlocks, type TableInfo } from "@engram-ts/core";
import { fileError } from "./file-error.js";

const operation = "tableWriter.write";
const READ_BYTES = 2 ** 22;

/** The digests of one layer's blocks. */
export class BlockDigests {
  readonly blockRows: number;
  readonly #table: TableInfo;
  readonly #path: string;
  readonly #fileHash = createHash("sha256");
  /** The rows of the block that is not full yet. */
  readonly #block: Buffer;
  #blockBytes = 0;
  #newDigests: Buffer[] = [];
  /** Blocks whose digests are in the file. */
  #saved = 0;
  /** Digests that were committed, from block `#committedFrom` on: rows read again must have them. */
  #committed: Buffer = Buffer.alloc(0);
  #committedFrom = 0;

  constructor(path: string, table: TableInfo, blockBytes: number) {
    this.blockRows = Math.max(1, Math.floor(blockBytes / table.rowBytes));
    this.#table = table;
    this.#path = path;
    this.#block = Buffer.alloc(this.blockRows * table.rowBytes);
  }

  /**
   * Goes on after a commit; rows from block `firstBlock` on are then to be added again.
   * @throws EngramError `digest-mismatch` where the file holds fewer.
   */
  async resume(firstBlock: number, endBlock: number): Promise<void> {
    this.#saved = endBlock;
    this.#committedFrom = firstBlock;
    if (endBlock === 0) return;
    const file = await open(this.#path, "r").catch((cause: unknown) => {
      throw fileError(cause, operation, this.#path);
    });
    const kept: Buffer[] = [];
    try {
      const end = endBlock * BLOCK_DIGEST_BYTES;
      const chunk = Buffer.alloc(Math.min(READ_BYTES, end));
      for (let at = 0; at < end; ) {
        const wanted = Math.min(chunk.length, end - at);
        const { bytesRead } = await file.read(chunk, 0, wanted, at);
        // Killed between the digests and the journal, the file may hold more; never less.
        if (bytesRead < wanted) throw lostRows(this.#path, "the block digests were cut short");
        this.#fileHash.update(chunk.subarray(0, wanted));
        const from = Math.max(0, firstBlock * BLOCK_DIGEST_BYTES - at);
        if (from < wanted) kept.push(Buffer.from(chunk.subarray(from, wanted)));
        at += wanted;
      }
    } finally {
      await file.close();
    }
    this.#committed = Buffer.concat(kept);
  }

  /**
   * Adds rows, in order.
   * @throws EngramError `digest-mismatch` where a block that was committed has another digest now.
   */
  add(firstRow: number, rows: Uint8Array): void {
    const size = this.#block.length;
    for (let at = 0; at < rows.length; ) {
      const room = Math.min(size - this.#blockBytes, rows.length - at);
      this.#block.set(rows.subarray(at, at + room), this.#blockBytes);
      this.#blockBytes += room;
      at += room;
      const row = firstRow + at / this.#table.rowBytes;
      if (this.#blockBytes < size && row < this.#table.rows) break;
      const digest = hash("sha256", this.#block.subarray(0, this.#blockBytes), "buffer");
      this.#blockBytes = 0;
      const place = (Math.ceil(row / this.blockRows) - 1 - this.#committedFrom) * BLOCK_DIGEST_BYTES;
      const committed = this.#committed.subarray(place, place + BLOCK_DIGEST_BYTES);
      if (committed.length !== BLOCK_DIGEST_BYTES) {
        this.#newDigests.push(digest);
        this.#fileHash.update(digest);
      } else if (!committed.equals(digest)) {
        throw lostRows(this.#path, `the rows before ${row} are not those that were committed`);
      }
    }
  }

  /** Appends new digests to the file, which is safe then. */
  async save(): Promise<void> {
    try {
      const file = await open(this.#path, constants.O_WRONLY | constants.O_CREAT);
      try {
        await writeAll(file, Buffer.concat(this.#newDigests), this.#saved * BLOCK_DIGEST_BYTES);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw fileError(cause, operation, this.#path);
    }
    this.#saved += this.#newDigests.length;
    this.#newDigests = [];
  }

  /** Describes the file, once all digests are saved. */
  describe(uri: string): ManifestBlocks {
    const bytes = this.#saved * BLOCK_DIGEST_BYTES;
    return { rows: this.blockRows, digests: { uri, bytes, sha256: this.#fileHash.copy().digest("hex") } };
  }
}

/** The error for unfinished tables that are not what their journal says. */
export function lostRows(path: string, what: string): EngramError {
  return new EngramError({
    code: "digest-mismatch",
    operation: "fileDriver.write",
    message: `${path}: the unfinished table cannot be gone on with: ${what}; write with { replace: true } to begin again`,
    context: { path },
  });
}

/** Writes all bytes, however few the system takes at once. */
export async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
    at += bytesWritten;
  }
}
