// The rows of one table in one step: which rows its batches read, the rows as they were before the step, the sums of their
// gradients, their moments, all in one memory that a kernel works on and that is used again for later steps. Rows are in
// ascending order of their ids. Not here: stores, and when what is read and written.

import { GATHER_SLACK_BYTES } from "@engram-ts/core";
import { type RowKernel, rowKernel } from "../assembly/row-kernel.js";
import { distinctRows } from "./distinct-rows.js";
import { adamNumbers, type SparseAdamOptions } from "./sparse-adam.js";

/** One step's rows; views that it gives hold until the next `begin`. */
export interface StepRows {
  /** Distinct ids, ascending. */
  readonly ids: Uint32Array;
  /** `[ids, width]`: to be filled with the rows as they are before the step; changed by {@link adam}. */
  readonly values: Float32Array;
  /** `[ids, 2 * width]`: to be filled before {@link adam}, which changes them. */
  readonly moments: Float32Array;
  /** Forgets the step before. @param batches the row ids of each batch of the step, duplicates as they come. */
  begin(batches: readonly Uint32Array[]): void;
  /** The rows of a batch, `[n, width]`, in the order of its ids: a view that holds until the next call. */
  spread(batch: number): Float32Array;
  /** Adds gradients `[n, width]` of a batch. */
  add(batch: number, gradients: Float32Array): void;
  /** Takes the step. */
  adam(options: SparseAdamOptions): void;
}

/** Gradients go through memory of this size, which stays in a fast cache. */
const STAGED_BYTES = 2 ** 17;

/** Rows of `width` values of a table of so many rows. */
export function stepRows(rows: number, width: number, kernel: RowKernel = rowKernel(width)): StepRows {
  const stagedRows = Math.max(1, Math.floor(STAGED_BYTES / (4 * width)));
  let allIds = new Uint32Array(0);
  let distinct = new Uint32Array(0);
  let ids = distinct;
  let ends: number[] = []; // of batches, in the list of all their rows
  let at = { sums: 0, values: 0, moments: 0, places: 0, staged: 0, out: 0, end: 0 };

  const floats = (from: number, length: number): Float32Array => new Float32Array(kernel.buffer, from, length);
  const bounds = (batch: number): { readonly from: number; readonly count: number } => {
    const from = ends[batch - 1] ?? 0;
    return { from, count: (ends[batch] ?? from) - from };
  };
  return {
    get ids() {
      return ids;
    },
    get values() {
      return floats(at.values, ids.length * width);
    },
    get moments() {
      return floats(at.moments, ids.length * 2 * width);
    },
    begin(batches) {
      ends = [];
      let total = 0;
      let longest = 0;
      for (const { length } of batches) {
        total += length;
        ends.push(total);
        longest = Math.max(longest, length);
      }
      if (allIds.length < total) {
        allIds = new Uint32Array(2 ** Math.ceil(Math.log2(total)));
        distinct = new Uint32Array(allIds.length);
      }
      for (const [batch, rowIds] of batches.entries()) allIds.set(rowIds, bounds(batch).from);
      // Places first, since how much room the rest takes is known when rows are.
      kernel.reserve(total * 4);
      const count = distinctRows(allIds.subarray(0, total), rows, distinct, new Uint32Array(kernel.buffer, 0, total));
      ids = distinct.subarray(0, count);
      at = layout({ total, longest, count, width, stagedRows });
      kernel.reserve(at.end);
      new Float64Array(kernel.buffer, at.sums, count * width).fill(0);
    },
    spread(batch) {
      const { from, count } = bounds(batch);
      kernel.spread(at.places + from * 4, count, at.values, at.out);
      return floats(at.out, count * width);
    },
    add(batch, gradients) {
      const { from, count } = bounds(batch);
      for (let row = 0; row < count; row += stagedRows) {
        const some = Math.min(stagedRows, count - row);
        floats(at.staged, some * width).set(gradients.subarray(row * width, (row + some) * width));
        kernel.add(at.places + (from + row) * 4, some, at.staged, at.sums);
      }
    },
    adam: (options) => kernel.adam(at.values, at.sums, at.moments, ids.length, adamNumbers(options)),
  };
}

/** Where a step's arrays lie. */
function layout(sizes: { total: number; longest: number; count: number; width: number; stagedRows: number }) {
  const { total, longest, count, width, stagedRows } = sizes;
  const aligned = (place: number): number => Math.ceil(place / 64) * 64;
  const sums = aligned(total * 4);
  const values = sums + aligned(count * width * 8);
  const moments = values + aligned(count * width * 4 + GATHER_SLACK_BYTES);
  const staged = moments + aligned(count * width * 8);
  const out = staged + aligned(Math.min(longest, stagedRows) * width * 4);
  return { places: 0, sums, values, moments, staged, out, end: out + longest * width * 4 + GATHER_SLACK_BYTES };
}
