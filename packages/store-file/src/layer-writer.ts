// The rows of one layer, appended to part files, with the digest of each part and of each block of rows. What `commit` has
// made safe can be gone on with after a kill: the part that was being written is read again, and compared with the
// digests of its blocks.

import { createHash, type Hash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { ManifestModule, ManifestPart, TableInfo } from "@engram-ts/core";
import { BlockDigests, lostRows, writeAll } from "./block-digests.js";
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

const operation = "tableWriter.write";
const READ_BYTES = 2 ** 22;

/** Writes the rows of one layer from first to last. */
export class LayerWriter {
  readonly #options: LayerWriterOptions;
  readonly #partRows: number;
  readonly #digests: BlockDigests;
  readonly #parts: string[] = [];
  #written = 0;
  #part: FileHandle | undefined;
  #partHash: Hash = createHash("sha256");

  constructor(options: LayerWriterOptions) {
    const { layer, table, folder, rowsFolder, partBytes, blockBytes } = options;
    this.#options = options;
    this.#partRows = Math.max(1, Math.floor(partBytes / table.rowBytes));
    this.#digests = new BlockDigests(join(folder, rowsFolder, digestsName(layer)), table, blockBytes);
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
      throw lostRows(this.#options.folder, "its journal does not fit the plan");
    }
    this.#parts.push(...progress.parts.slice(0, fullParts));
    // A block may have begun in the part before: read on from its first row.
    const hashFrom = fullParts * this.#partRows;
    const { blockRows } = this.#digests;
    const fullBlocks = Math.floor(committed / blockRows);
    const firstBlock = Math.min(fullBlocks, Math.floor(hashFrom / blockRows));
    await this.#digests.resume(firstBlock, fullBlocks);
    this.#written = firstBlock * blockRows;
    while (this.#written < committed) {
      const part = Math.floor(this.#written / this.#partRows);
      const until = Math.min(committed, (part + 1) * this.#partRows);
      const rows = await this.#readRows(part, this.#written, until);
      if (this.#written >= hashFrom) this.#partHash.update(rows);
      this.#digests.add(this.#written, rows);
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
      try {
        await writeAll(this.#part, chunk, inPart * table.rowBytes);
      } catch (cause) {
        throw fileError(cause, operation, this.#pathOf(part));
      }
      this.#partHash.update(chunk);
      this.#digests.add(this.#written, chunk);
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
    await this.#digests.save();
    return { rows: this.#written, parts: this.#parts.slice() };
  }

  /** Writes the digests and describes the table, all of which has been written. */
  async finish(digest: string | undefined): Promise<ManifestModule> {
    const { layer, table, rowsFolder } = this.#options;
    await this.#digests.save();
    const parts = this.#parts.map((sha256, i): ManifestPart => {
      const firstRow = i * this.#partRows;
      const rows = Math.min(this.#partRows, table.rows - firstRow);
      const uri = `${rowsFolder}/${this.#nameOf(i)}`;
      return { firstRow, rows, data: { uri, bytes: rows * table.rowBytes, sha256, offset: 0, stride: table.rowBytes } };
    });
    // The digest of a single part is that of the table.
    const known = digest ?? (this.#parts.length === 1 ? `sha256:${this.#parts[0]}` : table.digest);
    return {
      layer,
      rows: table.rows,
      encoding: table.encoding,
      ...(known === undefined ? {} : { digest: known }),
      blocks: this.#digests.describe(`${rowsFolder}/${digestsName(layer)}`),
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

  /** Rows of a part that were committed, at most a few megabytes of them. */
  async #readRows(part: number, firstRow: number, endRow: number): Promise<Buffer> {
    const { rowBytes } = this.#options.table;
    const count = Math.min(endRow - firstRow, Math.max(1, Math.floor(READ_BYTES / rowBytes)));
    const rows = Buffer.alloc(count * rowBytes);
    const file = await this.#open(part, "r");
    try {
      const { bytesRead } = await file.read(rows, 0, rows.length, (firstRow - part * this.#partRows) * rowBytes);
      if (bytesRead < rows.length) throw lostRows(this.#pathOf(part), "it was cut short");
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

  #nameOf(part: number): string {
    return `layer-${String(this.#options.layer).padStart(2, "0")}-${String(part).padStart(4, "0")}.rows`;
  }

  #pathOf(part: number): string {
    return join(this.#options.folder, this.#options.rowsFolder, this.#nameOf(part));
  }
}

function digestsName(layer: number): string {
  return `layer-${String(layer).padStart(2, "0")}.digests`;
}
