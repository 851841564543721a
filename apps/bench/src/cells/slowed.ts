// A store that does the work of several: before the rows asked for it reads as many others, and gives them to nobody. For
// stores in memory, whose tickets are settled at once; for
// finding out whether the harness calls a slower store a regression. Slower by work, not by waiting: a busy machine
// lengthens both alike.

import type { RowStore, Ticket } from "@engram-ts/core";

/** The store, doing `times` as much, a whole number. */
export function slowed(store: RowStore, times: number): RowStore {
  const { rows, rowBytes } = store.table;
  let [unused, shifted] = [new Uint8Array(0), new Uint32Array(0)];
  const readOthers = (rowIds: Uint32Array) => {
    if (shifted.length !== rowIds.length) {
      unused = new Uint8Array(rowIds.length * rowBytes);
      shifted = new Uint32Array(rowIds.length);
    }
    for (let time = 1; time < times; time++) {
      const shift = Math.floor((time * rows) / times);
      for (let i = 0; i < rowIds.length; i++) {
        const row = (rowIds[i] ?? 0) + shift; // i < length
        shifted[i] = row < rows ? row : row - rows;
      }
      const ticket = store.prefetch(shifted);
      if (ticket.settled) ticket.gather(unused);
      ticket.release();
    }
  };
  return {
    table: store.table,
    capabilities: store.capabilities,
    stats: () => store.stats(),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
    prefetch(rowIds, options): Ticket {
      readOthers(rowIds);
      return store.prefetch(rowIds, options);
    },
  };
}
