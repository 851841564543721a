// Rows read when they are gathered, straight into the caller's array: from the mapping, or by one synchronous read a row.
// Nothing is held for them but their ids, so a batch of 48 costs little more than its bytes.

import { readSync } from "node:fs";
import {
  decodeRows,
  type EngramError,
  isEngramError,
  type LocatedPart,
  type LocatedRegion,
  type TicketSource,
} from "@engram-ts/core";
import { fileError } from "./file-error.js";
import type { FileScope } from "./file-scope.js";

/** Milliseconds a row above which a batch did not come from the system's cache. */
const SLOW_ROW_MS = 0.02;

/** A batch of row ids whose rows are read each time they are asked for. */
export class DirectRows implements TicketSource {
  readonly length: number;
  readonly rowBytes: number;
  readonly width: number;
  /** Told what reading failed with: the ticket is then failed for good. */
  onFailure: ((error: EngramError) => void) | undefined;
  readonly #scope: FileScope;
  readonly #rowIds: Uint32Array;

  /** @param rowIds the source's to keep, `length` of them or more. */
  constructor(scope: FileScope, rowIds: Uint32Array, length: number) {
    this.length = length;
    this.rowBytes = scope.locations.rowBytes;
    this.width = scope.encoding.width;
    this.#scope = scope;
    this.#rowIds = rowIds;
  }

  gather(out: Uint8Array): void {
    try {
      const scope = this.#scope;
      if (scope.broken !== undefined) throw scope.broken;
      if (scope.mapped?.gather(this.#rowIds, this.length, out) !== true) this.#read(out);
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  decode(out: Float32Array): void {
    try {
      const scope = this.#scope;
      if (scope.broken !== undefined) throw scope.broken;
      if (scope.mapped?.decode(this.#rowIds, this.length, out) === true) return;
      const packed = new Uint8Array(this.length * this.rowBytes);
      this.#read(packed);
      decodeRows(scope.encoding, packed, out);
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  free(): void {
    this.onFailure = undefined;
  }

  #failed(error: unknown): void {
    if (isEngramError(error)) this.onFailure?.(error);
  }

  #read(out: Uint8Array): void {
    const before = performance.now();
    readRows(this.#scope, this.#rowIds, this.length, out);
    const { heat } = this.#scope;
    if (heat.isDisk(isSlow(performance.now() - before, this.length))) heat.cool();
  }
}

/** Whether reading so many rows took longer than it takes from the system's cache. */
export function isSlow(ms: number, rows: number): boolean {
  return ms > SLOW_ROW_MS * (rows + 5);
}

/**
 * Reads rows in the caller's thread.
 * @throws EngramError `truncated`, `io`.
 */
export function readRows(scope: FileScope, rowIds: Uint32Array, length: number, out: Uint8Array): void {
  const { rowBytes, parts, partOf } = scope.locations;
  // Indexes below are checked: ids lie in the table, parts cover it.
  for (let i = 0; i < length; i++) {
    const row = rowIds[i] as number;
    const { data, scales, firstRow } = parts[partOf(row)] as LocatedPart;
    readPiece(scope, data, row - firstRow, out, i * rowBytes);
    if (scales !== undefined) readPiece(scope, scales, row - firstRow, out, i * rowBytes + data.pieceBytes);
  }
}

function readPiece(scope: FileScope, region: LocatedRegion, row: number, out: Uint8Array, at: number): void {
  const file = scope.files[region.object];
  const position = region.offset + row * region.stride;
  const { pieceBytes } = region;
  let bytes: number;
  try {
    bytes = readSync(file?.descriptor ?? -1, out, at, pieceBytes, position);
  } catch (error) {
    throw fileError(error, "ticket.gather", file?.path ?? "");
  }
  if (bytes !== pieceBytes && file !== undefined) throw file.shortRead(position, pieceBytes, bytes);
}
