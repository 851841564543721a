// The upload of one table: rows come in order, parts go out side by side, objects are completed as they fill. What is in
// the bucket already, from before a kill, is found at the beginning and not sent again.

import { EngramError, type TableInfo } from "@engram-ts/core";
import type { RequestQueue } from "./request-queue.js";
import type { S3Bucket } from "./s3-exchange.js";
import { keyUnder } from "./s3-options.js";
import { getRange, headObject } from "./s3-read.js";
import { completeUpload, createUpload, listParts, type UploadedPart, uploadPart } from "./s3-upload.js";
import { type DigestStream, digestStream, type TableDigests } from "./table-digests.js";
import type { TableCut } from "./upload-progress.js";

/** What the tables of one writer share. */
export interface UploadScope {
  readonly bucket: S3Bucket;
  readonly prefix: string;
  readonly folder: string;
  /** Parts under way at once, and so their memory. */
  readonly queue: RequestQueue;
  readonly signal: AbortSignal;
  /** The id of an object's multipart upload, where one began. */
  uploadId(uri: string): string | undefined;
  /** Remembers an id before the first part is sent. */
  noteUpload(uri: string, id: string): Promise<void>;
}

/** One object of a table. */
export interface UploadedObject {
  readonly uri: string;
  readonly firstRow: number;
  readonly rows: number;
}

interface ObjectState extends UploadedObject {
  parts: (UploadedPart | undefined)[];
  uploadId: Promise<string> | undefined;
  complete: boolean;
}

const READ_BACK_BYTES = 8 * 2 ** 20;
const READ_BACK_AT_ONCE = 4;

/** An upload of one table, found where it was left. */
export class TableUpload {
  readonly table: TableInfo;
  readonly objects: readonly UploadedObject[];
  readonly #scope: UploadScope;
  readonly #cut: TableCut;
  readonly #states: ObjectState[];
  readonly #resumed: boolean;
  #digests: DigestStream;
  /** The first row of the part that is being filled, and how many bytes of it there are. */
  #partRow: number;
  #filled = 0;
  #part: Uint8Array | undefined;
  readonly #sending = new Set<Promise<void>>();
  #failure: unknown;
  #made: TableDigests | undefined;

  private constructor(scope: UploadScope, table: TableInfo, cut: TableCut, states: ObjectState[]) {
    this.table = table;
    this.objects = states;
    this.#scope = scope;
    this.#cut = cut;
    this.#states = states;
    this.#digests = this.#newDigests();
    this.#partRow = this.committedRows();
    this.#resumed = this.#partRow > 0;
  }

  /** @param found sizes of the objects that are in the bucket, by key. */
  static async open(
    scope: UploadScope,
    table: TableInfo,
    cut: TableCut,
    found: ReadonlyMap<string, number>,
  ): Promise<TableUpload> {
    const states: ObjectState[] = [];
    for (let firstRow = 0; firstRow < table.rows; firstRow += cut.objectRows) {
      const rows = Math.min(cut.objectRows, table.rows - firstRow);
      const uri = `${scope.folder}/layer-${cut.layer}/rows-${String(states.length).padStart(5, "0")}.bin`;
      const parts = new Array<UploadedPart | undefined>(Math.ceil(rows / cut.partRows)).fill(undefined);
      const complete = found.get(keyUnder(scope.prefix, uri)) === rows * table.rowBytes;
      states.push({ uri, firstRow, rows, parts, uploadId: undefined, complete });
    }
    for (const state of states) {
      const id = scope.uploadId(state.uri);
      if (state.complete || id === undefined) continue;
      const parts = await listParts(scope.bucket, keyUnder(scope.prefix, state.uri), id);
      if (parts === undefined) continue;
      state.uploadId = Promise.resolve(id);
      for (const part of parts) {
        const rows = Math.min(cut.partRows, state.rows - (part.number - 1) * cut.partRows);
        const next = state.parts.indexOf(undefined) + 1; // parts after one that is missing are sent again
        if (part.number === next && part.bytes === rows * table.rowBytes) state.parts[next - 1] = part;
      }
    }
    return new TableUpload(scope, table, cut, states);
  }

  /** Rows from the first on that are in the bucket. */
  committedRows(): number {
    for (const { firstRow, rows, parts, complete } of this.#states) {
      if (complete) continue;
      const missing = parts.indexOf(undefined);
      if (missing >= 0) return firstRow + Math.min(rows, missing * this.#cut.partRows);
    }
    return this.table.rows;
  }

  /** The row after the last that was written. */
  get nextRow(): number {
    return this.#partRow + this.#filled / this.table.rowBytes; // writes are of whole rows, and so are parts
  }

  /** Takes the next rows; resolves when they are copied, and there is room for more. */
  async write(firstRow: number, rows: Uint8Array): Promise<void> {
    const { rowBytes } = this.table;
    if (firstRow !== this.nextRow) throw outOfOrder(this.#cut.layer, firstRow, this.nextRow);
    const count = rows.length / rowBytes;
    if (!Number.isInteger(count) || firstRow + count > this.table.rows) {
      throw new EngramError({
        code: "invalid-argument",
        operation: "writer.write",
        message: `${rows.length} bytes from row ${firstRow} on are not whole rows of ${rowBytes} bytes within the ${this.table.rows} of layer ${this.#cut.layer}`,
      });
    }
    if (!this.#resumed) this.#digests.update(rows);
    for (let at = 0; at < rows.length; ) {
      this.#throwFailure();
      const { state, index, bytes } = this.#place();
      this.#part ??= new Uint8Array(bytes);
      const some = rows.subarray(at, at + bytes - this.#filled);
      this.#part.set(some, this.#filled);
      this.#filled += some.length;
      at += some.length;
      if (this.#filled < bytes) continue;
      const part = this.#part;
      this.#part = undefined;
      this.#filled = 0;
      this.#partRow += bytes / rowBytes;
      if (!state.complete) await this.#send(state, index, part);
    }
  }

  /** Waits until all is in the bucket and complete; gives the digests. */
  async finish(): Promise<TableDigests> {
    if (this.nextRow < this.table.rows) {
      throw new EngramError({
        code: "invalid-argument",
        operation: "writer.finish",
        message: `layer ${this.#cut.layer} has ${this.nextRow} of ${this.table.rows} rows; write the rest first`,
      });
    }
    await Promise.all(this.#sending);
    this.#throwFailure();
    if (this.#made !== undefined) return this.#made; // finish is called again after a failure
    for (const state of this.#states) await this.#complete(state); // those that a kill left full
    if (this.#resumed) await this.#readBack();
    this.#made = this.#digests.digests();
    return this.#made;
  }

  /** Resolves when no part is on its way, whether they arrived or not. */
  async sent(): Promise<void> {
    await Promise.all(this.#sending);
  }

  /** The part that is being filled. */
  #place(): { state: ObjectState; index: number; bytes: number } {
    const { objectRows, partRows } = this.#cut;
    const state = this.#states[Math.floor(this.#partRow / objectRows)] as ObjectState; // partRow < table.rows
    const index = (this.#partRow - state.firstRow) / partRows;
    const rows = Math.min(partRows, state.rows - index * partRows);
    return { state, index, bytes: rows * this.table.rowBytes };
  }

  /** Sends a part in the background, once fewer than the queue's limit wait. */
  async #send(state: ObjectState, index: number, bytes: Uint8Array): Promise<void> {
    const { queue, signal } = this.#scope;
    const sent = queue
      .add(0, signal, async () => {
        state.parts[index] = await this.#upload(state, index + 1, bytes);
        if (!state.parts.includes(undefined)) await this.#complete(state);
      })
      .done.catch((cause: unknown) => {
        this.#failure ??= cause;
      })
      .finally(() => this.#sending.delete(sent));
    this.#sending.add(sent);
    if (this.#sending.size >= queue.concurrency) await Promise.race(this.#sending);
  }

  async #upload(state: ObjectState, number: number, bytes: Uint8Array): Promise<UploadedPart> {
    const { bucket, prefix } = this.#scope;
    const key = keyUnder(prefix, state.uri);
    state.uploadId ??= this.#begin(state.uri, key);
    return uploadPart(bucket, key, await state.uploadId, number, bytes);
  }

  async #begin(uri: string, key: string): Promise<string> {
    const id = await createUpload(this.#scope.bucket, key);
    await this.#scope.noteUpload(uri, id);
    return id;
  }

  async #complete(state: ObjectState): Promise<void> {
    if (state.complete || state.uploadId === undefined) return;
    const { bucket, prefix } = this.#scope;
    const parts = state.parts.flatMap((part) => part ?? []);
    const bytes = state.rows * this.table.rowBytes;
    await completeUpload(bucket, keyUnder(prefix, state.uri), await state.uploadId, parts, bytes);
    state.complete = true;
  }

  /** After a kill the running digests are gone: they are made again of what is in the bucket, which proves it as well. */
  async #readBack(): Promise<void> {
    const { bucket, prefix, signal } = this.#scope;
    this.#digests = this.#newDigests();
    for (const { uri, rows } of this.#states) {
      const bytes = rows * this.table.rowBytes;
      const pin = await headObject(bucket, keyUnder(prefix, uri), "writer.finish", signal);
      const read = (at: number) => getRange(bucket, pin, at, Math.min(READ_BACK_BYTES, bytes - at), signal);
      const ahead: Promise<Uint8Array>[] = [];
      for (let at = 0, next = 0; at < bytes; at += READ_BACK_BYTES) {
        for (; ahead.length < READ_BACK_AT_ONCE && next < bytes; next += READ_BACK_BYTES) {
          const piece = read(next);
          piece.catch(() => {}); // met when it is awaited
          ahead.push(piece);
        }
        this.#digests.update(await (ahead.shift() as Promise<Uint8Array>)); // one was pushed for each step
      }
    }
  }

  #newDigests(): DigestStream {
    const { rows, rowBytes } = this.table;
    return digestStream(this.#cut.objectRows * rowBytes, this.#cut.blockRows * rowBytes, rows * rowBytes);
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }
}

function outOfOrder(layer: number, found: number, expected: number): EngramError {
  return new EngramError({
    code: "invalid-argument",
    operation: "writer.write",
    message: `rows of layer ${layer} begin at ${found}, and ${expected} are written; go on there`,
    context: { layer, expected, found },
  });
}
