// One table cut by row ranges over several stores: several disks, several objects. A ticket stands for one ticket of
// each store that has rows of the batch; all must come, and the failure of one fails it.
//
// Read-only: a commit over several stores could succeed in one and fail in the next, and none of them could undo it.

import { EngramError } from "../errors.js";
import { MAX_ROWS, type TableInfo } from "../rows/table.js";
import { checkPrefetchOptions, checkRowIds } from "./row-ids.js";
import type { PrefetchOptions, RowStore, Ticket } from "./row-store.js";
import { type ShardPart, ShardRows } from "./sharded-ticket.js";
import { addHits, wrappedTickets } from "./wrapped-tickets.js";

/**
 * Joins stores to one table: the rows of the first store come first, then those of the second, and so on. The stores are
 * closed with the wrapper. At a deadline with `onMiss: "zero"`, all rows of a store that has not answered are zeros.
 * @throws EngramError `invalid-argument` where no store is given, rows are encoded differently, or there are more than
 * 2^32 - 1 rows.
 * @example const store = sharded([fileStore(first), fileStore(second)]);
 */
export function sharded(stores: readonly RowStore[]): RowStore {
  const table = joinTables(stores);
  const maxBatch = Math.min(...stores.map(({ capabilities }) => capabilities.maxBatch));
  const tickets = wrappedTickets("sharded", table);
  const starts: number[] = [];
  let rows = 0;
  for (const store of stores) {
    starts.push(rows);
    rows += store.table.rows;
  }

  /** The store that has a row: the last one that starts at or before it. */
  const storeOf = (row: number): number => {
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((starts[middle] as number) <= row)
        low = middle; // middle < starts.length
      else high = middle - 1;
    }
    return low;
  };

  /** The batch of each store, and where each of its rows goes. */
  const split = (rowIds: Uint32Array): { shard: number; rowIds: Uint32Array; places: Uint32Array }[] => {
    const shards = new Uint16Array(rowIds.length);
    const counts = new Uint32Array(stores.length);
    for (let i = 0; i < rowIds.length; i++) {
      const shard = storeOf(rowIds[i] as number); // i < length
      shards[i] = shard;
      counts[shard] = (counts[shard] as number) + 1;
    }
    const parts = Array.from(counts, (count, shard) => ({
      shard,
      rowIds: new Uint32Array(count),
      places: new Uint32Array(count),
    })).filter((part) => part.rowIds.length > 0);
    for (const part of parts) {
      const start = starts[part.shard] as number;
      for (let i = 0, next = 0; next < part.places.length; i++) {
        if (shards[i] !== part.shard) continue;
        part.rowIds[next] = (rowIds[i] as number) - start;
        part.places[next++] = i;
      }
    }
    return parts;
  };

  const prefetch = (rowIds: Uint32Array, options?: PrefetchOptions): Ticket => {
    tickets.checkOpen("store.prefetch");
    checkRowIds(rowIds, table, maxBatch, "store.prefetch");
    checkPrefetchOptions(options, "store.prefetch");
    const refused = tickets.openAborted(rowIds.length, options);
    if (refused !== undefined) return refused;
    const { onMiss, deadlineMs, ...rest } = options ?? {};
    const inside = onMiss === "zero" || deadlineMs === undefined ? rest : { ...rest, deadlineMs };
    const parts: ShardPart[] = [];
    try {
      for (const part of split(rowIds)) {
        const store = stores[part.shard] as RowStore; // a shard of split
        parts.push({ places: part.places, ticket: store.prefetch(part.rowIds, inside) });
      }
    } catch (cause) {
      for (const { ticket } of parts) ticket.release();
      throw cause;
    }
    return tickets.open(new ShardRows(table, rowIds.length, parts), options);
  };

  const close = (): Promise<void> =>
    tickets.close(async () => {
      const closed = await Promise.allSettled(stores.map((store) => store.close()));
      for (const result of closed) if (result.status === "rejected") throw result.reason;
    });

  return {
    table,
    capabilities: {
      maxBatch,
      resident: stores.every(({ capabilities }) => capabilities.resident),
      writable: false,
      durable: stores.every(({ capabilities }) => capabilities.durable),
    },
    prefetch,
    stats: () => ({
      ...tickets.counters.snapshot(),
      hits: stores.map((store) => store.stats().hits).reduce(addHits, {}),
    }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Most stores of one table: an answer names its store in 16 bits. */
const MAX_SHARDS = 0xffff;

function joinTables(stores: readonly RowStore[]): TableInfo {
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-argument", operation: "sharded", message });
  };
  const first = stores[0]?.table;
  if (first === undefined) return refuse("no store was given; give at least one");
  if (stores.length > MAX_SHARDS) refuse(`${stores.length} stores were given; at most ${MAX_SHARDS} make one table`);
  const described = (table: TableInfo): string => JSON.stringify(table.encoding, ["kind", "width", "scale"]);
  stores.forEach(({ table }, i) => {
    if (described(table) === described(first)) return;
    refuse(
      `store ${i} has rows of ${described(table)}, and store 0 of ${described(first)}; one table has one encoding`,
    );
  });
  const rows = stores.reduce((sum, { table }) => sum + table.rows, 0);
  if (rows > MAX_ROWS) refuse(`the stores have ${rows} rows together; a table has at most ${MAX_ROWS}`);
  if (stores.length === 1) return first;
  return { rows, rowBytes: first.rowBytes, encoding: first.encoding };
}
