// The rows of an open transaction: copies of what was put, in the order of the puts, so that the last one of a row wins
// where they are applied one after the other. Nothing is done row by row before the commit.

/** Rows put and not yet committed. */
export interface StagedRows {
  /** How many rows were put, duplicates counted. */
  readonly size: number;
  put(rowIds: Uint32Array, rows: Uint8Array): void;
  /** Calls back for each put, in order. */
  forEach(visit: (rowIds: Uint32Array, rows: Uint8Array) => void): void;
}

/** No rows yet. */
export function stagedRows(): StagedRows {
  const puts: { readonly rowIds: Uint32Array; readonly rows: Uint8Array }[] = [];
  let size = 0;
  return {
    get size() {
      return size;
    },
    put(rowIds, rows) {
      puts.push({ rowIds: rowIds.slice(), rows: new Uint8Array(rows) }); // aligned, whatever it was taken from
      size += rowIds.length;
    },
    forEach(visit) {
      for (const { rowIds, rows } of puts) visit(rowIds, rows);
    },
  };
}
