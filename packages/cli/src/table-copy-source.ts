// Where rows come from when tables are written: other stores, or nothing but a seed. A source gives any run of rows of one
// table, in whatever order it is asked; checkpoints are a source too (commands/import-rows.ts).

import {
  decodeRows,
  encodeRows,
  fillRows,
  type RowEncoding,
  type RowStore,
  type TableInfo,
  tableInfo,
} from "@engram-ts/core";

/** All rows of one layer's table. */
export interface RowSource {
  readonly layer: number;
  readonly table: TableInfo;
  /** `sha256:` and hex that all its rows must have, where that is known. */
  readonly digest?: string;
  /** Fills `out` with whole rows from `firstRow` on. */
  read(firstRow: number, out: Uint8Array): Promise<void>;
}

/** The rows of a store. */
export function storeSource(layer: number, store: RowStore, signal?: AbortSignal): RowSource {
  const { table, capabilities } = store;
  const options = signal === undefined ? {} : { signal };
  return {
    layer,
    table,
    ...(table.digest === undefined ? {} : { digest: table.digest }),
    async read(firstRow, out) {
      const count = out.length / table.rowBytes;
      for (let at = 0; at < count; at += capabilities.maxBatch) {
        const some = Math.min(capabilities.maxBatch, count - at);
        const ticket = store.prefetch(consecutive(firstRow + at, some), options);
        try {
          await ticket.ready;
          ticket.gather(out.subarray(at * table.rowBytes, (at + some) * table.rowBytes));
        } finally {
          ticket.release();
        }
      }
    },
  };
}

/** Rows made from a seed: layer L of seed S has the rows of `fillRows` with seed S + L. */
export function deterministicSource(layer: number, table: TableInfo, seed: number): RowSource {
  return {
    layer,
    table,
    read(firstRow, out) {
      fillRows(table, (seed + layer) >>> 0, firstRow, out);
      return Promise.resolve();
    },
  };
}

/** The rows of another source, decoded and encoded anew. Not exact where the new encoding is the narrower one. */
export function encodedSource(source: RowSource, encoding: RowEncoding): RowSource {
  const table = tableInfo({ rows: source.table.rows, encoding });
  return {
    layer: source.layer,
    table,
    async read(firstRow, out) {
      const rows = out.length / table.rowBytes;
      const from = new Uint8Array(rows * source.table.rowBytes);
      const values = new Float32Array(rows * encoding.width);
      await source.read(firstRow, from);
      decodeRows(source.table.encoding, from, values);
      encodeRows(encoding, values, out);
    },
  };
}

/** `count` row ids from `first` on. */
function consecutive(first: number, count: number): Uint32Array {
  const ids = new Uint32Array(count);
  for (let i = 0; i < count; i++) ids[i] = first + i;
  return ids;
}
