// The rows of one batch in memory of its own: each different row once, and where it came from. For wrappers that put a
// ticket's rows together from several sources. Once all rows have come, nothing here changes any more.

import { decodeRows } from "../rows/decode.js";
import type { TableInfo } from "../rows/table.js";
import { distinctRows } from "./distinct-rows.js";

/** In {@link BatchRows.from}: the row has not come. */
export const NOT_HERE = 0xff;

/** Rows on their way. */
export interface BatchRows {
  /** Rows asked for, duplicates counted. */
  readonly length: number;
  /** Each row once. */
  readonly rowIds: Uint32Array;
  /** `[rowIds.length, rowBytes]`. */
  readonly rows: Uint8Array;
  /** By row: a number of the owner's choice below {@link NOT_HERE} once the row is there; the owner writes it. */
  readonly from: Uint8Array;
  /** Copies the row of `rows` at `place` and notes where it came from. */
  take(place: number, row: Uint8Array, from: number): void;
  /** As {@link TicketSource}. */
  gather(out: Uint8Array): void;
  decode(out: Float32Array): void;
  zeroMissing(): number;
}

/** Memory for a batch; none of its rows is there. */
export function batchRows(table: TableInfo, batch: Uint32Array): BatchRows {
  const { rowBytes, encoding } = table;
  const { length } = batch;
  const { rowIds, places } = distinctRows(batch);
  const rows = new Uint8Array(rowIds.length * rowBytes);
  const from = new Uint8Array(rowIds.length).fill(NOT_HERE);
  let zeroed: Uint8Array | undefined;
  const placeOf = (i: number): number => (places === undefined ? i : (places[i] as number)); // i < length

  const gather = (out: Uint8Array): void => {
    if (places === undefined && zeroed === undefined) {
      out.set(rows);
      return;
    }
    for (let i = 0; i < length; i++) {
      const place = placeOf(i);
      if (zeroed?.[place] === 1) out.fill(0, i * rowBytes, (i + 1) * rowBytes);
      else out.set(rows.subarray(place * rowBytes, (place + 1) * rowBytes), i * rowBytes);
    }
  };

  return {
    length,
    rowIds,
    rows,
    from,
    take(place, row, source) {
      rows.set(row, place * rowBytes);
      from[place] = source;
    },
    gather,
    decode(out) {
      if (places === undefined && zeroed === undefined) {
        decodeRows(encoding, rows, out);
        return;
      }
      const ordered = new Uint8Array(length * rowBytes);
      gather(ordered);
      decodeRows(encoding, ordered, out);
    },
    zeroMissing() {
      const missing = from.map((source) => (source === NOT_HERE ? 1 : 0));
      zeroed = missing;
      let count = 0;
      for (let i = 0; i < length; i++) count += missing[placeOf(i)] as number; // i < length
      return count;
    },
  };
}
