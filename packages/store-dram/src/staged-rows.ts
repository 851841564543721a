// The rows of an open transaction: copies, in one growing array, the last one put under an id wins.

/** Rows put and not yet committed. */
export interface StagedRows {
  /** How many different rows are staged. */
  readonly size: number;
  put(rowIds: Uint32Array, rows: Uint8Array): void;
  /** Calls back for each row with its bytes, which hold until the next put. */
  forEach(visit: (row: number, bytes: Uint8Array) => void): void;
}

/** No rows yet. */
export function stagedRows(rowBytes: number): StagedRows {
  const places = new Map<number, number>();
  let bytes = new Uint8Array(0);
  return {
    get size() {
      return places.size;
    },
    put(rowIds, rows) {
      const needed = (places.size + rowIds.length) * rowBytes;
      if (needed > bytes.length) {
        const grown = new Uint8Array(Math.max(needed, 2 * bytes.length));
        grown.set(bytes);
        bytes = grown;
      }
      for (let i = 0; i < rowIds.length; i++) {
        const row = rowIds[i] as number; // i < length
        let place = places.get(row);
        if (place === undefined) {
          place = places.size;
          places.set(row, place);
        }
        bytes.set(rows.subarray(i * rowBytes, (i + 1) * rowBytes), place * rowBytes);
      }
    },
    forEach(visit) {
      for (const [row, place] of places) visit(row, bytes.subarray(place * rowBytes, (place + 1) * rowBytes));
    },
  };
}
