// The different rows of a batch, so that each is read once and given to all places that asked for it.

import { clockIndex } from "./clock-index.js";

/** A batch, taken apart. */
export interface DistinctRows {
  /** Each row once, in the order of first appearance. */
  readonly rowIds: Uint32Array;
  /** For each place of the batch, where its row is in `rowIds`; undefined where that is the same place. */
  readonly places: Uint32Array | undefined;
}

/** Takes a batch of row ids below 2^32 - 1 apart; the arrays returned are copies. */
export function distinctRows(batch: Uint32Array): DistinctRows {
  if (batch.length === 0) return { rowIds: new Uint32Array(0), places: undefined };
  const index = clockIndex(batch.length);
  const rowIds = new Uint32Array(batch.length);
  const places = new Uint32Array(batch.length);
  let count = 0;
  for (let i = 0; i < batch.length; i++) {
    const row = batch[i] as number; // i < length
    let place = index.find(row);
    if (place < 0) {
      place = count++;
      index.add(row, place);
      rowIds[place] = row;
    }
    places[i] = place;
  }
  return count === batch.length ? { rowIds, places: undefined } : { rowIds: rowIds.slice(0, count), places };
}
