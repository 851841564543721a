// Memory as a tier that URIs and stacks name: `dram > file:./tables`, or `dram:file:./tables`, loads all rows of the tables
// behind it. Memory holds nothing by itself, so a `dram:` alone opens nothing. A cache of some rows, `dram(1GiB) > ...`, is
// core's `cached` and needs no driver.

import { EngramError, type OpenedTables, type RowStore, type TableDriver, type Ticket } from "@engram-ts/core";
import type { DramStoreOptions } from "./dram-options.js";
import { openDramStore } from "./dram-store.js";

/** How loaded tables are kept; as in {@link DramStoreOptions}. */
export type DramDriverOptions = Pick<DramStoreOptions, "maxBatch" | "hugePages" | "workers" | "workerBatch" | "kernel">;

/** Rows are loaded by prefetches of at most this many bytes, the next one under way while one is copied. */
const CHUNK_BYTES = 2 ** 22;

/**
 * Opens `dram:` for `openTables`. Loading reads each row once, in order.
 * @example openTables("dram > file:./tables", { drivers: [dramDriver(), fileDriver()] })
 */
export function dramDriver(options: DramDriverOptions = {}): TableDriver {
  return {
    scheme: "dram",
    open(uri) {
      const error = new EngramError({
        code: "unsupported",
        operation: "dramDriver.open",
        message: `${uri} names no tables, since memory keeps nothing by itself; name what is to be loaded with openTables("dram > file:./folder", ...)`,
      });
      return Promise.reject(error);
    },
    async openOver(inside, openOptions) {
      const tables = new Map<number, RowStore>();
      try {
        for (const [layer, store] of inside.tables) {
          tables.set(layer, await loaded(store, options, openOptions?.signal));
        }
      } catch (cause) {
        await Promise.allSettled([...tables.values()].map((store) => store.close()));
        throw cause;
      }
      const opened: OpenedTables = {
        ...inside,
        tables,
        async close() {
          await Promise.all([...tables.values()].map((store) => store.close()));
          await inside.close();
        },
      };
      return opened;
    },
  };
}

/** A store in memory with all rows of another one. */
function loaded(from: RowStore, options: DramDriverOptions, signal: AbortSignal | undefined): Promise<RowStore> {
  const { table, capabilities } = from;
  const most = Math.max(1, Math.min(capabilities.maxBatch, Math.floor(CHUNK_BYTES / table.rowBytes)));
  return openDramStore({
    ...options,
    table,
    async initialize(firstRow, rows) {
      const count = rows.length / table.rowBytes;
      const ask = (at: number): Ticket | undefined => {
        if (at >= count) return undefined;
        const ids = Uint32Array.from({ length: Math.min(most, count - at) }, (_, i) => firstRow + at + i);
        return from.prefetch(ids, signal === undefined ? {} : { signal });
      };
      let next = ask(0);
      try {
        for (let at = 0; next !== undefined; ) {
          const ticket = next;
          next = ask(at + ticket.length);
          try {
            await ticket.ready;
            ticket.gather(rows.subarray(at * table.rowBytes, (at + ticket.length) * table.rowBytes));
          } finally {
            ticket.release();
          }
          at += ticket.length;
        }
      } finally {
        next?.release();
      }
    },
  });
}
