// A store with a cache in memory in front: rows that were read lately are there at once. Each row that is missing is
// asked of the store inside once, however many tickets wait for it. Rows of an open ticket are pinned: whatever comes in
// meanwhile, they are neither evicted nor overwritten; where pins leave no slot free, rows stay in the ticket's own memory.
//
// Deadlines are kept here and not passed inside, since a reading may be shared with a ticket that has another deadline
// or none; zeros given at a deadline never get into the cache. For the same reason no caller's signal goes inside: the
// reading ends when the last ticket that waits for it has gone.

import { CachedLoad, type LoadContext } from "./cached-load.js";
import { CachedRows, OVERFLOW } from "./cached-ticket.js";
import { type CacheWrites, cacheWrites } from "./cached-writes.js";
import { clockSlab } from "./clock-slab.js";
import { checkPrefetchOptions, checkRowIds } from "./row-ids.js";
import type { PrefetchOptions, RowStore, Ticket, WritableRowStore } from "./row-store.js";
import { addHits, wrappedTickets } from "./wrapped-tickets.js";

/** How large a cache is. */
export interface CachedOptions {
  /**
   * Memory for rows, in bytes, allocated at once; at least one row. Looking rows up takes 25 to 41 bytes a row besides.
   */
  readonly bytes: number;
}

const MISSING = 0xffff_ffff;
/** Lists of places kept for the next tickets, and the longest that is kept. */
const RECYCLED_LISTS = 16;
const RECYCLED_LENGTH = 4096;

/**
 * Puts a cache in front of a store: CLOCK over a preallocated slab. Prefetch of rows that are in the cache gives a
 * ticket that is settled. In `stats().hits` the cache is the tier `cache`, and rows that another ticket is reading
 * already count for it.
 *
 * Commits go through to the store and take the rows out of the cache; rows that are changed in another way than
 * through this wrapper are not noticed. The store inside is closed with the wrapper.
 * @throws EngramError `invalid-argument` where `bytes` hold no row; `out-of-memory`.
 * @example const store = cached(fileStore, { bytes: 2 ** 30 });
 */
export function cached(store: WritableRowStore, options: CachedOptions): WritableRowStore;
export function cached(store: RowStore, options: CachedOptions): RowStore;
export function cached(store: RowStore, options: CachedOptions): RowStore {
  const { table } = store;
  const { maxBatch, resident, writable, durable } = store.capabilities;
  const slab = clockSlab(table, options.bytes, "cached");
  const context: LoadContext = { store, slab, loading: new Map() };
  const tickets = wrappedTickets("cached", table);
  const writes: CacheWrites = cacheWrites(store, slab);
  const lists: Uint32Array[] = [];
  let served = 0;

  const takeList = (length: number): Uint32Array => {
    const list = lists.pop();
    return list !== undefined && list.length >= length ? list : new Uint32Array(length);
  };
  const recycle = (list: Uint32Array): void => {
    if (list.length <= RECYCLED_LENGTH && lists.length < RECYCLED_LISTS) lists.push(list);
  };

  /** Joins the load that fills a slot, once for each ticket. */
  const join = (slot: number, joined: CachedLoad[]): void => {
    const load = context.loading.get(slot);
    if (load === undefined || joined.includes(load)) return;
    load.join();
    joined.push(load);
  };

  /** Gives a place to each row that was not found, and adds what is to be read to the load. */
  const place = (rowIds: Uint32Array, places: Uint32Array, load: CachedLoad): void => {
    for (let i = 0; i < rowIds.length; i++) {
      if (places[i] !== MISSING) continue;
      const row = rowIds[i] as number; // i < length
      const changing = writes.isChanging(row);
      let slot = changing ? -1 : slab.find(row); // a duplicate within this batch
      if (slot >= 0) {
        slab.pin(slot);
        served++;
      } else if (!changing) {
        slot = slab.claim(row);
        if (slot >= 0) {
          load.addSlot(row, slot); // has the claim's pin
          slab.pin(slot);
        }
      }
      places[i] = slot >= 0 ? slot : OVERFLOW + load.addOverflow(row);
    }
  };

  const prefetch = (rowIds: Uint32Array, prefetchOptions?: PrefetchOptions): Ticket => {
    tickets.checkOpen("store.prefetch");
    checkRowIds(rowIds, table, maxBatch, "store.prefetch");
    checkPrefetchOptions(prefetchOptions, "store.prefetch");
    const refused = tickets.openAborted(rowIds.length, prefetchOptions);
    if (refused !== undefined) return refused;

    const { length } = rowIds;
    const places = takeList(length);
    const loads: CachedLoad[] = [];
    let missing = 0;
    for (let i = 0; i < length; i++) {
      const row = rowIds[i] as number; // i < length
      const slot = slab.find(row); // rows that a commit is replacing are not found
      if (slot < 0) {
        places[i] = MISSING;
        missing++;
        continue;
      }
      places[i] = slot;
      slab.pin(slot);
      if (context.loading.size > 0) join(slot, loads);
    }
    served += length - missing;
    if (missing === 0)
      return tickets.open(new CachedRows(context, places, length, loads, undefined, recycle), prefetchOptions);

    const load = new CachedLoad(context);
    loads.push(load);
    place(rowIds, places, load);
    const source = (): CachedRows => new CachedRows(context, places, length, loads, load, recycle);
    try {
      load.begin(prefetchOptions?.priority === undefined ? {} : { priority: prefetchOptions.priority });
    } catch (cause) {
      source().free();
      throw cause;
    }
    return tickets.open(source(), prefetchOptions);
  };

  const close = (): Promise<void> => tickets.close(() => store.close());
  const wrapper: RowStore = {
    table,
    capabilities: { maxBatch, resident, writable, durable },
    prefetch,
    stats() {
      const own = tickets.counters.snapshot();
      return { ...own, hits: addHits({ cache: served }, store.stats().hits) };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
  if (!writable) return wrapper;
  const begin: WritableRowStore["begin"] = () => {
    tickets.checkOpen("store.begin");
    return writes.begin();
  };
  return Object.assign(wrapper, { begin });
}
