// A row cache in memory, the same slab as `cached` but without tickets: rows are copied out at once and nothing is pinned.
// In front of a store alone use `cached`; this one is for the middle of a stack of tiers.

import type { TableInfo } from "../rows/table.js";
import { NO_SLOT } from "./clock-memory.js";
import { clockSlab } from "./clock-slab.js";
import type { RowCache } from "./row-cache.js";

/** What a memory cache is made of. */
export interface MemoryRowCacheOptions {
  readonly table: TableInfo;
  /** Memory for rows, in bytes, allocated at once; at least one row. */
  readonly bytes: number;
  /** The tier's name in statistics. Default `memory`. */
  readonly name?: string;
}

/**
 * A row cache in memory that replaces rows by CLOCK; lookups are synchronous.
 * @throws EngramError `invalid-argument` where `bytes` hold no row; `out-of-memory`.
 */
export function memoryRowCache(options: MemoryRowCacheOptions): RowCache {
  const { table, name = "memory" } = options;
  const { rowBytes } = table;
  const slab = clockSlab(table, options.bytes, "memoryRowCache");
  const counts = { lookups: 0, found: 0, filled: 0 };
  let closed = false;

  return {
    name,
    table,
    lookup(rowIds, out, found) {
      const { length } = rowIds;
      const slots = new Uint32Array(length);
      let added = 0;
      let run = 0; // rows found one after the other, to be copied in one go
      for (let i = 0; i <= length; i++) {
        let slot = -1;
        if (i < length && found[i] === 0) {
          counts.lookups++;
          slot = closed ? -1 : slab.find(rowIds[i] as number); // i < length
        }
        if (slot >= 0) {
          slots[i] = slot;
          found[i] = 1;
          run++;
          continue;
        }
        if (run > 0) slab.memory.gather(slots, i - run, i, out.subarray((i - run) * rowBytes, i * rowBytes));
        added += run;
        run = 0;
      }
      counts.found += added;
      return added;
    },
    fill(rowIds, rows) {
      if (closed) return;
      const slots = new Uint32Array(rowIds.length).fill(NO_SLOT);
      for (let i = 0; i < rowIds.length; i++) {
        const row = rowIds[i] as number; // i < length
        let slot = slab.find(row);
        if (slot < 0) {
          slot = slab.claim(row);
          slab.unpin(slot); // a later row of this fill may take the slot: it is written in this order too
        }
        slots[i] = slot;
      }
      slab.memory.write(slots, slots.length, rows);
      counts.filled += rowIds.length;
    },
    stats: () => ({ ...counts }),
    close() {
      closed = true;
      return Promise.resolve();
    },
  };
}
