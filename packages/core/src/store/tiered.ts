// Fast tiers that hold some rows in front of a store that holds all: a row comes from the first tier that has it, and
// rows from slower tiers go into the faster ones in the background. A cache that fails, or answers what cannot be right,
// is passed over and counted; it never fails a ticket and never delays one by its fills.
//
// Read-only: a cache that outlives the process could hold an old row after a crash between a commit and its removal.
// Publish a new table with a digest of its own instead. Tickets that wait for the same row read it each for itself:
// put `cached` in front.

import { EngramError } from "../errors.js";
import { encodedRowBytes } from "../rows/encoding.js";
import type { TableInfo } from "../rows/table.js";
import type { RowCache } from "./row-cache.js";
import { checkPrefetchOptions, checkRowIds } from "./row-ids.js";
import type { PrefetchOptions, RowStore, Ticket } from "./row-store.js";
import { type TierFills, tierFills } from "./tiered-fills.js";
import { readThroughTiers, type TierContext } from "./tiered-read.js";
import { addHits, wrappedTickets } from "./wrapped-tickets.js";

/** How fills are bounded. */
export interface TieredOptions {
  /** Most bytes of rows that wait to be written into one cache; what does not fit is dropped and counted. Default 64 MiB. */
  readonly fillQueueBytes?: number;
}

/** Counters of one cache of a tiered store. */
export interface TierStats {
  readonly name: string;
  /** Rows that the tier gave. */
  readonly hits: number;
  /** Lookups that failed or gave an answer that cannot be right; the rows came from the next tier. */
  readonly failures: number;
  /** Rows written into the tier, rows dropped because the queue was full, and fills that failed. */
  readonly filledRows: number;
  readonly droppedRows: number;
  readonly fillFailures: number;
}

/** A store behind caches. */
export interface TieredStore extends RowStore {
  /** One entry for each cache, fastest first. */
  tierStats(): readonly TierStats[];
  /** Resolves when no fill waits or is being written; for tests, and before a measurement. */
  filled(): Promise<void>;
}

/** Most caches in front of a store. */
const MAX_CACHES = 16;

/**
 * Puts caches in front of a store, fastest first. They are closed with the wrapper, and the store with them: fills
 * that wait are abandoned, the one being written is waited for.
 * @throws EngramError `manifest-mismatch` where a cache is for another table; `invalid-argument`.
 * @example const store = cached(tiered([lmdbCache], s3Store), { bytes: 2 ** 30 });
 */
export function tiered(caches: readonly RowCache[], store: RowStore, options: TieredOptions = {}): TieredStore {
  const { table } = store;
  const { maxBatch, durable } = store.capabilities;
  const { fillQueueBytes = 2 ** 26 } = options;
  checkTiers(caches, table, fillQueueBytes);
  const tickets = wrappedTickets("tiered", table);
  const fills = caches.map((cache) => tierFills(cache, fillQueueBytes));
  const hits = caches.map(() => 0);
  const failures = caches.map(() => 0);

  const context: TierContext = {
    caches,
    store,
    hit(tier, rows) {
      hits[tier] = (hits[tier] ?? 0) + rows;
    },
    failed(tier) {
      failures[tier] = (failures[tier] ?? 0) + 1;
    },
    arrived(rowIds, rows, from) {
      fills.forEach((queue, tier) => {
        fillSlower(queue, tier, rowIds, rows, from, table.rowBytes);
      });
    },
  };

  const prefetch = (rowIds: Uint32Array, prefetchOptions?: PrefetchOptions): Ticket => {
    tickets.checkOpen("store.prefetch");
    checkRowIds(rowIds, table, maxBatch, "store.prefetch");
    checkPrefetchOptions(prefetchOptions, "store.prefetch");
    const refused = tickets.openAborted(rowIds.length, prefetchOptions);
    if (refused !== undefined) return refused;
    const inside = optionsInside(prefetchOptions);
    return tickets.open(readThroughTiers(context, rowIds, inside), prefetchOptions);
  };

  const close = (): Promise<void> =>
    tickets.close(async () => {
      const closed = await Promise.allSettled(
        caches.map(async (cache, tier) => {
          await fills[tier]?.close();
          await cache.close();
        }),
      );
      await store.close();
      for (const result of closed) if (result.status === "rejected") throw result.reason;
    });

  return {
    table,
    capabilities: { maxBatch, resident: false, writable: false, durable },
    prefetch,
    stats() {
      const own = tickets.counters.snapshot();
      let all: Readonly<Record<string, number>> = {};
      caches.forEach(({ name }, tier) => {
        all = addHits(all, { [name]: hits[tier] ?? 0 });
      });
      return { ...own, hits: addHits(all, store.stats().hits) };
    },
    tierStats: () =>
      caches.map(({ name }, tier) => {
        const { filled = 0, dropped = 0, failures: fillFailures = 0 } = fills[tier]?.counts ?? {};
        return {
          name,
          hits: hits[tier] ?? 0,
          failures: failures[tier] ?? 0,
          filledRows: filled,
          droppedRows: dropped,
          fillFailures,
        };
      }),
    async filled() {
      await Promise.all(fills.map((queue) => queue.idle()));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

/**
 * Zeros are given by the wrapper, row by row; a store inside that gave them would have them taken for rows. A deadline
 * goes inside where it only says when the rows are needed.
 */
function optionsInside(options: PrefetchOptions = {}): PrefetchOptions {
  const { onMiss, deadlineMs, ...rest } = options;
  return onMiss === "zero" || deadlineMs === undefined ? rest : { ...rest, deadlineMs };
}

/** Gives a tier the rows that came from behind it. Rows of a reading that has ended never change, so they need no copy. */
function fillSlower(
  queue: TierFills,
  tier: number,
  rowIds: Uint32Array,
  rows: Uint8Array,
  from: Uint8Array,
  rowBytes: number,
): void {
  const slower = rowIds.filter((_, i) => (from[i] as number) > tier); // from has an entry for each row
  const taken = slower.length === 0 ? 0 : queue.reserve(slower.length);
  if (taken === 0) return;
  if (slower.length === rowIds.length) {
    queue.add(slower.subarray(0, taken), rows.subarray(0, taken * rowBytes));
    return;
  }
  const copy = new Uint8Array(taken * rowBytes);
  for (let i = 0, next = 0; next < taken; i++) {
    if ((from[i] as number) <= tier) continue;
    copy.set(rows.subarray(i * rowBytes, (i + 1) * rowBytes), next * rowBytes);
    next++;
  }
  queue.add(slower.subarray(0, taken), copy);
}

function checkTiers(caches: readonly RowCache[], table: TableInfo, fillQueueBytes: number): void {
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-argument", operation: "tiered", message });
  };
  if (!Array.isArray(caches) || caches.length > MAX_CACHES) refuse(`caches must be an array of at most ${MAX_CACHES}`);
  if (!(fillQueueBytes >= 0)) refuse(`options.fillQueueBytes is ${String(fillQueueBytes)}; use bytes, 0 for no fills`);
  for (const cache of caches) {
    const { rows, encoding, digest } = cache.table;
    const same =
      rows === table.rows &&
      encoding.kind === table.encoding.kind &&
      encodedRowBytes(encoding) === table.rowBytes &&
      encoding.width === table.encoding.width &&
      ("scale" in encoding ? encoding.scale : 0) === ("scale" in table.encoding ? table.encoding.scale : 0) &&
      (digest === undefined || table.digest === undefined || digest === table.digest);
    if (same) continue;
    throw new EngramError({
      code: "manifest-mismatch",
      operation: "tiered",
      message: `the cache ${cache.name} holds ${describe(cache.table)}, and the store ${describe(table)}; open the cache of this table, or an empty one`,
      context: { tier: cache.name },
    });
  }
}

function describe({ rows, encoding, digest }: TableInfo): string {
  return `${rows} rows of ${encoding.width} ${encoding.kind} values${digest === undefined ? "" : ` (${digest})`}`;
}
