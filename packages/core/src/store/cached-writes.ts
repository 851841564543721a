// Writing through a cache. Rows of a transaction leave the slab before its commit begins and are read past the slab
// until it has ended, so that no later ticket mixes old rows of the cache with new ones of the store. Tickets that were
// opened before have their slots pinned, or their own reading under way, and keep the old rows.

import { EngramError } from "../errors.js";
import type { ClockSlab } from "./clock-slab.js";
import type { RowStore, RowTransaction } from "./row-store.js";
import { isWritable } from "./wrapped-tickets.js";

/** The writing side of one cache. */
export interface CacheWrites {
  /** Whether a commit that replaces this row is under way. */
  isChanging(row: number): boolean;
  /** Opens a transaction of the store inside. */
  begin(): RowTransaction;
}

/** The writing side of a cache of `store` in `slab`. */
export function cacheWrites(store: RowStore, slab: ClockSlab): CacheWrites {
  const changing: ReadonlySet<number>[] = []; // the rows of each commit under way

  const wrap = (inner: RowTransaction): RowTransaction => {
    const staged = new Set<number>();
    return {
      put(rowIds, rows) {
        const put = inner.put(rowIds, rows); // throws before anything is noted
        for (const row of rowIds) staged.add(row);
        return put;
      },
      async commit() {
        changing.push(staged);
        for (const row of staged) {
          const slot = slab.find(row);
          if (slot >= 0) slab.forget(slot);
        }
        try {
          await inner.commit();
        } finally {
          changing.splice(changing.indexOf(staged), 1);
        }
      },
      abort: () => inner.abort(),
    };
  };

  return {
    isChanging: (row) => changing.length > 0 && changing.some((rows) => rows.has(row)),
    begin: () => {
      if (isWritable(store)) return wrap(store.begin());
      throw new EngramError({
        code: "store-read-only",
        operation: "store.begin",
        message: "the store inside this cache cannot be written",
      });
    },
  };
}
