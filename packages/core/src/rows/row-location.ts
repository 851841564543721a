// From a row id to where the row's bytes lie: which objects, and at which byte. Arithmetic alone, the same for files and
// for objects of a store; nothing is read here. The module is taken as parseManifest gives it, already checked.

import { EngramError } from "../errors.js";
import { encodedRowBytes, rowScaleBytes } from "./encoding.js";
import type { ManifestModule, ManifestRegion } from "./manifest.js";

/** An object that holds rows: a file, or an object of a store. */
export interface LocatedObject {
  /** Relative to the manifest. */
  readonly uri: string;
  /** Size of the whole object. */
  readonly bytes: number;
  /** SHA-256 of the whole object, where the manifest has it. */
  readonly sha256?: string;
}

/** A region of an object: the bytes of row `r` of the part start at `offset + (r - firstRow) * stride`. */
export interface LocatedRegion {
  /** Index into {@link RowLocations.objects}. */
  readonly object: number;
  readonly offset: number;
  readonly stride: number;
  /** Bytes of each row that lie here. */
  readonly pieceBytes: number;
}

/** A run of rows. */
export interface LocatedPart {
  readonly firstRow: number;
  /** The row after the last. */
  readonly endRow: number;
  /** The rows; where `scales` is given, their values alone. */
  readonly data: LocatedRegion;
  readonly scales: LocatedRegion | undefined;
}

/** Where the rows of one table lie. */
export interface RowLocations {
  readonly rows: number;
  readonly rowBytes: number;
  /** The objects, each once, in the order in which the parts name them. */
  readonly objects: readonly LocatedObject[];
  /** The parts, in the order of their rows. */
  readonly parts: readonly LocatedPart[];
  /** The index of the part that holds a row of the table; constant time for parts of equal length, else logarithmic. */
  partOf(row: number): number;
}

/** Works out where the rows of a module lie. */
export function rowLocations(module: ManifestModule): RowLocations {
  const rowBytes = encodedRowBytes(module.encoding);
  const scaleBytes = rowScaleBytes(module.encoding);
  const objects: LocatedObject[] = [];
  const indexes = new Map<string, number>();
  const region = ({ uri, bytes, sha256, offset, stride }: ManifestRegion, pieceBytes: number): LocatedRegion => {
    let object = indexes.get(uri);
    if (object === undefined) {
      object = objects.length;
      indexes.set(uri, object);
      objects.push(sha256 === undefined ? { uri, bytes } : { uri, bytes, sha256 });
    }
    return { object, offset, stride, pieceBytes };
  };
  const parts = module.parts.map(({ firstRow, rows, data, scales }): LocatedPart => {
    const part = { firstRow, endRow: firstRow + rows };
    if (scales === undefined) return { ...part, data: region(data, rowBytes), scales: undefined };
    return { ...part, data: region(data, rowBytes - scaleBytes), scales: region(scales, scaleBytes) };
  });
  return { rows: module.rows, rowBytes, objects, parts, partOf: partFinder(parts) };
}

/** Parts are mostly of one length: guess from that, then step; binary search where the guess is far off. */
function partFinder(parts: readonly LocatedPart[]): (row: number) => number {
  const starts = Float64Array.from(parts, ({ firstRow }) => firstRow);
  const last = starts.length - 1;
  const perPart = Math.max(1, (parts[0] as LocatedPart).endRow); // a manifest has at least one part
  return (row) => {
    const guess = Math.min(last, Math.floor(row / perPart));
    if ((starts[guess] as number) <= row && (guess === last || row < (starts[guess + 1] as number))) return guess;
    let [low, high] = [0, last];
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((starts[middle] as number) <= row) low = middle;
      else high = middle - 1;
    }
    return low;
  };
}

/** A batch in the order of the table. */
export interface SortedRows {
  /** Each row once, ascending. */
  readonly rowIds: Uint32Array;
  /** For each place of the batch, where its row is in `rowIds`. */
  readonly places: Uint32Array;
}

/** Sorts a batch of row ids and leaves duplicates out; the arrays returned are new. */
export function sortedRows(batch: Uint32Array): SortedRows {
  const rowIds = batch.slice().sort();
  let count = 0;
  for (let i = 0; i < rowIds.length; i++) {
    if (i === 0 || rowIds[i] !== rowIds[i - 1]) rowIds[count++] = rowIds[i] as number; // i < length
  }
  const distinct = rowIds.subarray(0, count);
  const places = new Uint32Array(batch.length);
  for (let i = 0; i < batch.length; i++) places[i] = lowerBound(distinct, batch[i] as number);
  return { rowIds: distinct, places };
}

/** The index of the first entry that is not below `value`. */
export function lowerBound(sorted: Uint32Array, value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as number) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @throws EngramError `invalid-argument` where ids are not ascending, are given twice, or are not in the table. */
export function checkSortedRows(rowIds: Uint32Array, rows: number, operation: string): void {
  for (let i = 0; i < rowIds.length; i++) {
    const row = rowIds[i] as number; // i < length
    if (row < rows && (i === 0 || row > (rowIds[i - 1] as number))) continue;
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `row id ${row} at index ${i}; use ids below ${rows}, ascending, each once, as sortedRows gives them`,
      context: { row, index: i, rows },
    });
  }
}
