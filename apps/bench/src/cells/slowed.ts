// A store that takes a given number of times as long from prefetch to gathered rows: for finding out whether the harness
// calls it a regression. The time it adds is spent waiting, busily, on the caller's thread.

import type { RowStore, Ticket } from "@engram-ts/core";

/** The store, `times` as slow. */
export function slowed(store: RowStore, times: number): RowStore {
  return {
    table: store.table,
    capabilities: store.capabilities,
    stats: () => store.stats(),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
    prefetch(rowIds, options) {
      const start = performance.now();
      const ticket = store.prefetch(rowIds, options);
      return slowedTicket(ticket, start, times);
    },
  };
}

function slowedTicket(ticket: Ticket, start: number, times: number): Ticket {
  const slowly = (gather: () => void) => {
    gather();
    const end = start + (performance.now() - start) * times;
    while (performance.now() < end);
  };
  return {
    length: ticket.length,
    ready: ticket.ready,
    get settled() {
      return ticket.settled;
    },
    get error() {
      return ticket.error;
    },
    gather: (out) => slowly(() => ticket.gather(out)),
    decode: (out) => slowly(() => ticket.decode(out)),
    release: () => ticket.release(),
  };
}
