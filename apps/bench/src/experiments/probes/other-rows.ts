// A table's rows replaced: by zeros, by the rows of other ids, or by rows that never were trained. A model that reads these
// shows what it takes from its own. The stores are views to read from; they own nothing but what they make themselves.
// Zeros are the suites' zero store (../../suites/zero-store.ts).

import { EngramError, type RowStore } from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import { initializeBytes, initialRows } from "@engram-ts/train";
import { zeroStore } from "../../suites/zero-store.js";

/** What stands in for a table's rows. */
export const OTHER_ROWS = ["zeros", "shuffled", "untrained"] as const;

/** See {@link OTHER_ROWS}. */
export type OtherRows = (typeof OTHER_ROWS)[number];

/**
 * Tables with other rows.
 * @param seed of the shuffling, and of the rows that were not trained.
 */
export function otherRows(
  tables: ReadonlyMap<number, RowStore>,
  kind: OtherRows,
  seed: number,
): ReadonlyMap<number, RowStore> {
  return new Map([...tables].map(([layer, store]) => [layer, other(store, kind, { seed, layer })]));
}

function other(store: RowStore, kind: OtherRows, { seed, layer }: { seed: number; layer: number }): RowStore {
  if (kind === "zeros") return zeroStore(store.table);
  if (kind === "shuffled") return shuffled(store, seed);
  const { table } = store;
  const initial = initialRows({ seed, layer, width: table.encoding.width });
  return dramStore({ table, initialize: initializeBytes(table, initial) });
}

/** A store whose row ids are mapped one to one onto others: id times a factor that shares none with the rows, and on. */
function shuffled(store: RowStore, seed: number): RowStore {
  const { rows } = store.table;
  if (rows < 2) {
    const message = `the table has ${rows} rows; rows of two or more can be shuffled`;
    throw new EngramError({ code: "invalid-argument", operation: "otherRows", message });
  }
  let factor = Math.floor(rows * 0.618) + (seed % 1000);
  while (commonFactor(factor, rows) !== 1) factor++;
  const shift = 1 + (seed % (rows - 1));
  return {
    ...store,
    prefetch: (rowIds, options) =>
      store.prefetch(
        Uint32Array.from(rowIds, (id) => Number((BigInt(id) * BigInt(factor) + BigInt(shift)) % BigInt(rows))),
        options,
      ),
    stats: () => store.stats(),
    close: () => Promise.resolve(), // the table is not this view's
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

function commonFactor(a: number, b: number): number {
  return b === 0 ? a : commonFactor(b, a % b);
}
