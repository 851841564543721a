// The rows of one layer, appended to part files, with the digest of each part and of each block of rows. What `commit` has
// made safe can be gone on with after a kill: the part that was being written is read again, and compared with the
// digests of its blocks.

import { createHash, type Hash, hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import {
  BLOCK_DIGEST_BYTES,
  EngramError,
  type ManifestModule,
  type ManifestPart,
  type TableInfo,
} from "@engram-ts/core";
import { fileError } from "./file-error.js";

/** Where and how a layer is written. */
export interface LayerWriterOptions {
  readonly layer: number;
  readonly table: TableInfo;
  /** The folder of the manifest. */
  readonly folder: string;
  /** The folder of the rows, below it. */
  readonly rowsFolder: string;
  /** Most bytes of a part and of a block of rows. */
  readonly partBytes: number;
  readonly blockBytes: number;
}

/** What is safe of a layer. */
export interface LayerProgress {
  readonly rows: number;
  /** SHA-256 of the parts that are full. */
  readonly parts: readonly string[];
}

/** Digests of blocks from `firstBlock` on that are being read again. */
interface CommittedDigests {
  readonly digests: Buffer;
  readonly firstBlock: number;
}

const operation = "tableWriter.write";
const READ_BYTES = 2 ** 22;

/** Writes the rows of one layer from first to last. */
export class LayerWriter {
  readonly #options: LayerWriterOptions;
  readonly #partRows: number;
  readonly #blockRows: number;
  /** Of the file of block digests, and what is to be appended to it. */
  readonly #digestsHash = createHash("sha256");
  #newDigests: Buffer[] = [];
  readonly #parts: string[] = [];
  #written = 0;
  #part: FileHandle | undefined;
  #partHash: Hash = createHash("sha256");
  /** The rows of the block that is not full yet. */
  #block: Buffer;
  #blockBytes = 0;
  /** Blocks whose digests are in the file. */
  #savedBlocks = 0;

  constructor(options: LayerWriterOptions) {
    const { table, partBytes, blockBytes } = options;
    this.#options = options;
    this.#partRows = Math.max(1, Math.floor(partBytes / table.rowBytes));
    this.#blockRows = Math.max(1, Math.floor(blockBytes / table.rowBytes));
    this.#block = Buffer.alloc(this.#blockRows * table.rowBytes);
  }

  /** Rows written so far, safe or not. */
  get written(): number {
    return this.#written;
  }

  /** Goes on after a commit. */
  async resume(progress: LayerProgress): Promise<void> {
    const { table } = this.#options;
    const committed = progress.rows;
    const fullParts = Math.floor(committed / this.#partRows);
    if (committed > table.rows || progress.parts.length < fullParts) {
      throw this.#lost("its journal does not fit the plan");
    }
    this.#parts.push(...progress.parts.slice(0, fullParts));
    // A block may have begun in the part before: read on from its first row.
    const hashFrom = fullParts * this.#partRows;
    const fullBlocks = Math.floor(committed / this.#blockRows);
    const firstBlock = Math.min(fullBlocks, Math.floor(hashFrom / this.#blockRows));
    const stored = fullBlocks === 0 ? Buffer.alloc(0) : await this.#readDigests(firstBlock, fullBlocks);
    this.#savedBlocks = fullBlocks;
    this.#written = firstBlock * this.#blockRows;
    while (this.#written < committed) {
      const part = Math.floor(this.#written / this.#partRows);
      const until = Math.min(committed, (part + 1) * this.#partRows);
      const rows = await this.#readRows(part, this.#written, until);
      if (this.#written >= hashFrom) this.#partHash.update(rows);
      this.#digest(this.#written, rows, { digests: stored, firstBlock });
      this.#written += rows.length / table.rowBytes;
    }
    if (committed === table.rows && committed % this.#partRows > 0) await this.#endPart();
  }

  /** Appends rows; may leave some of them written where it fails, to be written again. */
  async write(rows: Uint8Array): Promise<void> {
    const { table } = this.#options;
    for (let at = 0; at < rows.length; ) {
      const inPart = this.#written % this.#partRows;
      const count = Math.min((rows.length - at) / table.rowBytes, this.#partRows - inPart);
      const chunk = rows.subarray(at, at + count * table.rowBytes);
      const part = Math.floor(this.#written / this.#partRows);
      this.#part ??= await this.#open(part, inPart === 0 ? "w" : "r+");
      await writeAll(this.#part, chunk, inPart * table.rowBytes, this.#pathOf(part));
      this.#partHash.update(chunk);
      this.#digest(this.#written, chunk, undefined);
      this.#written += count;
      at += chunk.length;
      if (this.#written % this.#partRows === 0 || this.#written === table.rows) await this.#endPart();
    }
  }

  /** Makes what was written safe; the caller then notes it in the journal. */
  async commit(): Promise<LayerProgress> {
    try {
      await this.#part?.datasync();
    } catch (cause) {
      throw fileError(cause, operation, this.#pathOf(this.#parts.length));
    }
    await this.#saveDigests();
    return { rows: this.#written, parts: this.#parts.slice() };
  }

  /** Writes the digests and describes the table, all of which has been written. */
  async finish(digest: string | undefined): Promise<ManifestModule> {
    const { layer, table, rowsFolder } = this.#options;
    await this.#saveDigests();
    const parts = this.#parts.map((sha256, i): ManifestPart => {
      const firstRow = i * this.#partRows;
      const rows = Math.min(this.#partRows, table.rows - firstRow);
      const uri = `${rowsFolder}/${this.#nameOf(i)}`;
      return { firstRow, rows, data: { uri, bytes: rows * table.rowBytes, sha256, offset: 0, stride: table.rowBytes } };
    });
    // The digest of a single part is that of the table.
    const known = digest ?? (this.#parts.length === 1 ? `sha256:${this.#parts[0]}` : table.digest);
    const digests = {
      uri: `${rowsFolder}/${digestsName(layer)}`,
      bytes: this.#savedBlocks * BLOCK_DIGEST_BYTES,
      sha256: this.#digestsHash.copy().digest("hex"),
    };
    return {
      layer,
      rows: table.rows,
      encoding: table.encoding,
      ...(known === undefined ? {} : { digest: known }),
      blocks: { rows: this.#blockRows, digests },
      parts,
    };
  }

  async close(): Promise<void> {
    const part = this.#part;
    this.#part = undefined;
    await part?.close();
  }

  async #endPart(): Promise<void> {
    try {
      await this.#part?.sync();
    } catch (cause) {
      throw fileError(cause, operation, this.#pathOf(this.#parts.length));
    }
    await this.close();
    this.#parts.push(this.#partHash.digest("hex"));
    this.#partHash = createHash("sha256");
  }

  /** Adds rows to their blocks; blocks that were committed must have the digests they had. */
  #digest(firstRow: number, rows: Uint8Array, committed: CommittedDigests | undefined): void {
    const { table } = this.#options;
    const size = this.#block.length;
    for (let at = 0; at < rows.length; ) {
      const room = Math.min(size - this.#blockBytes, rows.length - at);
      this.#block.set(rows.subarray(at, at + room), this.#blockBytes);
      this.#blockBytes += room;
      at += room;
      const row = firstRow + at / table.rowBytes;
      if (this.#blockBytes < size && row < table.rows) break;
      const block = Math.ceil(row / this.#blockRows) - 1;
      const digest = hash("sha256", this.#block.subarray(0, this.#blockBytes), "buffer");
      this.#blockBytes = 0;
      const place = (block - (committed?.firstBlock ?? 0)) * BLOCK_DIGEST_BYTES;
      const known = committed?.digests.subarray(place, place + BLOCK_DIGEST_BYTES);
      if (known?.length !== BLOCK_DIGEST_BYTES) {
        this.#newDigests.push(digest);
        this.#digestsHash.update(digest);
      } else if (!known.equals(digest)) throw this.#lost(`the rows before ${row} are not those that were committed`);
    }
  }

  /** Appends digests to their file; what is there already is never cut, as a journal may count on it. */
  async #saveDigests(): Promise<void> {
    const digests = Buffer.concat(this.#newDigests);
    try {
      const file = await open(this.#digestsPath, constants.O_WRONLY | constants.O_CREAT);
      try {
        await writeAll(file, digests, this.#savedBlocks * BLOCK_DIGEST_BYTES, this.#digestsPath);
        await file.sync();
      } finally {
        await file.close();
      }
    } catch (cause) {
      throw fileError(cause, operation, this.#digestsPath);
    }
    this.#savedBlocks += this.#newDigests.length;
    this.#newDigests = [];
  }

  /** Hashes the digests of all blocks that were committed, and gives those from `firstBlock` on. */
  async #readDigests(firstBlock: number, endBlock: number): Promise<Buffer> {
    const tail: Buffer[] = [];
    const file = await open(this.#digestsPath, "r").catch((cause: unknown) => {
      throw fileError(cause, operation, this.#digestsPath);
    });
    try {
      const chunk = Buffer.alloc(Math.min(READ_BYTES, endBlock * BLOCK_DIGEST_BYTES));
      for (let at = 0; at < endBlock * BLOCK_DIGEST_BYTES; ) {
        const wanted = Math.min(chunk.length, endBlock * BLOCK_DIGEST_BYTES - at);
        const { bytesRead } = await file.read(chunk, 0, wanted, at);
        // Killed between the digests and the journal, the file may hold more; never less.
        if (bytesRead < wanted) throw this.#lost("its block digests were cut short");
        this.#digestsHash.update(chunk.subarray(0, wanted));
        const from = Math.max(0, firstBlock * BLOCK_DIGEST_BYTES - at);
        if (from < wanted) tail.push(Buffer.from(chunk.subarray(from, wanted)));
        at += wanted;
      }
    } finally {
      await file.close();
    }
    return Buffer.concat(tail);
  }

  /** Rows of a part that were committed, at most a few megabytes of them. */
  async #readRows(part: number, firstRow: number, endRow: number): Promise<Buffer> {
    const { rowBytes } = this.#options.table;
    const count = Math.min(endRow - firstRow, Math.max(1, Math.floor(READ_BYTES / rowBytes)));
    const rows = Buffer.alloc(count * rowBytes);
    const file = await this.#open(part, "r");
    try {
      const { bytesRead } = await file.read(rows, 0, rows.length, (firstRow - part * this.#partRows) * rowBytes);
      if (bytesRead < rows.length) throw this.#lost(`${this.#pathOf(part)} was cut short`);
    } finally {
      await file.close();
    }
    return rows;
  }

  async #open(part: number, flags: string): Promise<FileHandle> {
    const path = this.#pathOf(part);
    try {
      return await open(path, flags);
    } catch (cause) {
      throw fileError(cause, operation, path);
    }
  }

  #lost(what: string): EngramError {
    const { layer, folder } = this.#options;
    return new EngramError({
      code: "digest-mismatch",
      operation: "fileDriver.write",
      message: `the unfinished table of layer ${layer} in ${folder} cannot be gone on with: ${what}; write with { replace: true } to begin again`,
      context: { layer, folder },
    });
  }

  #nameOf(part: number): string {
    return `layer-${String(this.#options.layer).padStart(2, "0")}-${String(part).padStart(4, "0")}.rows`;
  }

  #pathOf(part: number): string {
    return join(this.#options.folder, this.#options.rowsFolder, this.#nameOf(part));
  }

  get #digestsPath(): string {
    return join(this.#options.folder, this.#options.rowsFolder, digestsName(this.#options.layer));
  }
}

function digestsName(layer: number): string {
  return `layer-${String(layer).padStart(2, "0")}.digests`;
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number, path: string): Promise<void> {
  try {
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, at, bytes.length - at, position + at);
      at += bytesWritten;
    }
  } catch (cause) {
    throw fileError(cause, operation, path);
  }
}
