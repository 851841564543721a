// A store that reads nothing ahead: rows asked for are read only when somebody waits for them. What a model pays that looks
// rows up where it needs them, as if the ids were not known before. For measuring what reading ahead brings.

import type { RowStore, Ticket } from "@engram-ts/core";

/** The store without read-ahead. */
export function onDemand(store: RowStore): RowStore {
  return {
    table: store.table,
    capabilities: store.capabilities,
    stats: () => store.stats(),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
    prefetch(rowIds, options) {
      const ids = rowIds.slice();
      let ticket: Ticket | undefined;
      const asked = () => {
        ticket ??= store.prefetch(ids, options);
        return ticket;
      };
      return {
        length: ids.length,
        get settled() {
          return ticket?.settled ?? false;
        },
        get error() {
          return ticket?.error;
        },
        get ready() {
          return asked().ready;
        },
        gather: (out) => asked().gather(out),
        decode: (out) => asked().decode(out),
        release: () => ticket?.release(),
      };
    },
  };
}
