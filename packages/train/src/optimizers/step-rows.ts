// The rows of one table in one step: which rows its batches read, the rows as they were before the step, their moments, all
// in one memory that a kernel works on and that is used again for later steps. Rows are in ascending order of their ids;
// batches name them by their places in that order. Not here: stores, gradients, and when what is read and written.

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
  /**
   * `[capacity, width]`: the values, and more rows that mean nothing, so that the shape is that of most steps with as many
   * occurrences. It depends on this step alone.
   */
  readonly padded: Float32Array;
  /** `[ids, 2 * width]`: to be filled before {@link adam}, which changes them. */
  readonly moments: Float32Array;
  /** Forgets the step before. @param batches the row ids of each batch of the step, duplicates as they come. */
  begin(batches: readonly Uint32Array[]): void;
  /** Where the rows of a batch are among `ids`, in the order of its own. */
  places(batch: number): Uint32Array;
  /** Takes the step. @param gradients `[ids or more, width]`: of each row, summed over the step. */
  adam(gradients: Float32Array, options: SparseAdamOptions): void;
}

/** Gradients go through memory of this size, which stays in a fast cache. */
const STAGED_BYTES = 2 ** 17;
/** Capacities are whole parts of a step's occurrences. */
const PARTS = 8;

/** Rows of `width` values of a table of so many rows. */
export function stepRows(rows: number, width: number, kernel: RowKernel = rowKernel(width)): StepRows {
  const stagedRows = Math.max(1, Math.floor(STAGED_BYTES / (4 * width)));
  let allIds = new Uint32Array(0);
  let distinct = new Uint32Array(0);
  let ids = distinct;
  let capacity = 0;
  let ends: number[] = []; // of batches, in the list of all their rows
  let at = { values: 0, moments: 0, staged: 0, end: 0 };

  const floats = (from: number, length: number): Float32Array => new Float32Array(kernel.buffer, from, length);
  return {
    get ids() {
      return ids;
    },
    get values() {
      return floats(at.values, ids.length * width);
    },
    get padded() {
      return floats(at.values, capacity * width);
    },
    get moments() {
      return floats(at.moments, ids.length * 2 * width);
    },
    begin(batches) {
      ends = [];
      let total = 0;
      for (const { length } of batches) {
        total += length;
        ends.push(total);
      }
      if (allIds.length < total) {
        allIds = new Uint32Array(2 ** Math.ceil(Math.log2(total)));
        distinct = new Uint32Array(allIds.length);
      }
      for (const [batch, rowIds] of batches.entries()) allIds.set(rowIds, ends[batch - 1] ?? 0);
      // Places first, since how much room the rest takes is known when rows are.
      kernel.reserve(total * 4);
      const count = distinctRows(allIds.subarray(0, total), rows, distinct, new Uint32Array(kernel.buffer, 0, total));
      ids = distinct.subarray(0, count);
      const part = Math.ceil(total / PARTS);
      capacity = part === 0 ? 0 : Math.ceil(count / part) * part;
      at = layout({ total, count, capacity, width, stagedRows });
      kernel.reserve(at.end);
    },
    places(batch) {
      const from = ends[batch - 1] ?? 0;
      return new Uint32Array(kernel.buffer, from * 4, (ends[batch] ?? from) - from);
    },
    adam(gradients, options) {
      const numbers = adamNumbers(options);
      for (let row = 0; row < ids.length; row += stagedRows) {
        const some = Math.min(stagedRows, ids.length - row);
        floats(at.staged, some * width).set(gradients.subarray(row * width, (row + some) * width));
        kernel.adam(at.values + row * width * 4, at.staged, at.moments + row * width * 8, some, numbers);
      }
    },
  };
}

/** Where a step's arrays lie, behind the places. */
function layout(sizes: { total: number; count: number; capacity: number; width: number; stagedRows: number }) {
  const { total, count, capacity, width, stagedRows } = sizes;
  const aligned = (place: number): number => Math.ceil(place / 64) * 64;
  const values = aligned(total * 4);
  const moments = values + aligned(capacity * width * 4 + GATHER_SLACK_BYTES);
  const staged = moments + aligned(count * width * 8);
  return { values, moments, staged, end: staged + Math.min(count, stagedRows) * width * 4 };
}
