// A store whose commits stay in memory and reach the store behind later: when the memory is full, at a flush, at close. For
// rows that change often and need not outlive a crash, as in training from checkpoints: a row that changes in every step
// is then written once in a while. Not here: a cache of rows that are only read (cached.ts).

import { decodeRows } from "../rows/decode.js";
import type { RowEncoding } from "../rows/encoding.js";
import { checkPrefetchOptions, checkRowIds } from "./row-ids.js";
import type { PrefetchOptions, StoreStats, Ticket, WritableRowStore } from "./row-store.js";
import { type ShardPart, ShardRows } from "./sharded-ticket.js";
import { type StagedPut, stagedTransactions } from "./staged-transactions.js";
import { unwrittenRows } from "./unwritten-rows.js";
import { addHits, wrappedTickets } from "./wrapped-tickets.js";

/** How much is kept back. */
export interface WriteBackOptions {
  /** Memory for changed rows, in bytes; at least one row. Pages that no row has used yet take no memory. */
  readonly bytes: number;
}

/** A store that writes later. */
export interface WriteBackStore extends WritableRowStore {
  /**
   * Writes all that the store behind does not have yet, some transactions in turn.
   * @throws EngramError what the store behind throws: what is not written is kept, and may be flushed again.
   */
  flush(): Promise<void>;
}

/** When the memory is full, at least this part of it is written and given free. */
const FREED_SHARE = 0.25;

/**
 * Keeps commits in memory. Reads see them at once; the store behind gets them when `bytes` are full, the rows that changed
 * the longest ago first, at `flush` and at `close`, which also closes it. What is not written when the process ends is
 * lost, so nothing is durable, and the store behind may hold rows of several commits.
 * @throws EngramError `invalid-argument` where `bytes` hold no row; `out-of-memory`. A commit rejects with what the store
 * behind throws, and changes nothing then.
 * @example const store = writeBack(lmdbStore, { bytes: 2 ** 30 });
 */
export function writeBack(store: WritableRowStore, { bytes }: WriteBackOptions): WriteBackStore {
  const { table } = store;
  const { rowBytes, encoding } = table;
  const { maxBatch } = store.capabilities;
  const memory = unwrittenRows(table, bytes, "writeBack");
  const tickets = wrappedTickets("writeBack", table);
  let commits = 0;
  let served = 0;
  /** One writing after the other. */
  let last: Promise<unknown> = Promise.resolve();
  const queued = (work: () => Promise<void>): Promise<void> => {
    const done = last.then(work);
    last = done.catch(() => undefined); // told to its caller
    return done;
  };

  /** Writes rows of the memory to the store behind. */
  const writeRows = async (rowIds: Uint32Array): Promise<void> => {
    for (let at = 0; at < rowIds.length; at += maxBatch) {
      const part = rowIds.subarray(at, at + maxBatch);
      const rows = new Uint8Array(part.length * rowBytes);
      memory.copy(slotsOf(part), rows);
      await commitTo(store, [{ rowIds: part, rows }]);
    }
  };

  /** Where rows are, all of which are in the memory. */
  const slotsOf = (rowIds: Uint32Array): Uint32Array => rowIds.map((row) => memory.find(row));

  /** Takes puts into the memory; all of them, once there is room. */
  const keep = async (puts: readonly StagedPut[]): Promise<void> => {
    const all = puts.reduce((sum, { rowIds }) => sum + rowIds.length, 0);
    if (all > memory.capacity) {
      await commitTo(store, puts);
      for (const { rowIds } of puts) memory.forget(slotsOf(rowIds.filter((row) => memory.find(row) >= 0)));
      return;
    }
    for (;;) {
      let fresh = 0;
      for (const { rowIds } of puts) for (const row of rowIds) if (memory.find(row) < 0) fresh++;
      if (fresh <= memory.room) break;
      const slots = memory.oldest(Math.max(fresh - memory.room, Math.ceil(memory.capacity * FREED_SHARE)));
      await writeRows(memory.unwritten(slots));
      memory.forget(slots); // may be rows of these puts, which then count as fresh
    }
    commits++;
    for (const { rowIds, rows } of puts) memory.put(rowIds, rows, commits);
  };

  const prefetch = (rowIds: Uint32Array, options?: PrefetchOptions): Ticket => {
    tickets.checkOpen("store.prefetch");
    checkRowIds(rowIds, table, maxBatch, "store.prefetch");
    checkPrefetchOptions(options, "store.prefetch");
    const refused = tickets.openAborted(rowIds.length, options);
    if (refused !== undefined) return refused;
    const { length } = rowIds;
    const slots = new Uint32Array(length);
    const places = new Uint32Array(length);
    const others = new Uint32Array(length);
    const otherPlaces = new Uint32Array(length);
    let here = 0;
    for (let i = 0; i < length; i++) {
      const row = rowIds[i] as number; // i < length
      const slot = memory.find(row);
      if (slot >= 0) {
        slots[here] = slot;
        places[here++] = i;
      } else {
        others[i - here] = row;
        otherPlaces[i - here] = i;
      }
    }
    served += here;
    const parts: ShardPart[] = [];
    if (here > 0) {
      const copies = new Uint8Array(here * rowBytes); // now, since the next commit changes rows in place
      memory.copy(slots.subarray(0, here), copies);
      parts.push({ places: places.subarray(0, here), ticket: ticketOf(copies, here, encoding) });
    }
    if (here < length || length === 0) {
      const { onMiss, deadlineMs, ...rest } = options ?? {};
      const inside = onMiss === "zero" || deadlineMs === undefined ? rest : { ...rest, deadlineMs };
      const ticket = store.prefetch(others.subarray(0, length - here), inside);
      parts.push({ places: otherPlaces.subarray(0, length - here), ticket });
    }
    return tickets.open(new ShardRows(table, length, parts), options);
  };

  const begin = stagedTransactions({
    table,
    maxBatch,
    checkOpen: tickets.checkOpen,
    apply: (puts) => queued(() => keep(puts)),
  });

  const writeAll = (): Promise<void> =>
    queued(async () => {
      await writeRows(memory.unwritten());
      memory.written();
    });
  const close = (): Promise<void> => tickets.close(() => writeAll().finally(() => store.close()));
  return {
    table,
    capabilities: { maxBatch, resident: false, writable: true, durable: false },
    prefetch,
    begin,
    async flush() {
      tickets.checkOpen("store.flush");
      await writeAll();
    },
    stats(): StoreStats {
      return { ...tickets.counters.snapshot(), hits: addHits({ unwritten: served }, store.stats().hits) };
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Rows that are in memory, as a ticket. */
function ticketOf(rows: Uint8Array, length: number, encoding: RowEncoding): Ticket {
  return {
    length,
    settled: true,
    error: undefined,
    ready: Promise.resolve(),
    gather: (out) => out.set(rows),
    decode: (out) => decodeRows(encoding, rows, out),
    release: () => undefined,
  };
}

async function commitTo(store: WritableRowStore, puts: readonly StagedPut[]): Promise<void> {
  const transaction = store.begin();
  try {
    for (const { rowIds, rows } of puts) await transaction.put(rowIds, rows);
    await transaction.commit();
  } catch (error) {
    await transaction.abort().catch(() => undefined); // the first error says what happened
    throw error;
  }
}
