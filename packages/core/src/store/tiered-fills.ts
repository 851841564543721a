// Filling one cache in the background with rows that a slower tier gave. One fill is written at a time, others wait in
// memory up to a limit, and what is above it is dropped and counted: a cache that is slow to write never delays a read
// and never makes the process grow. At close what waits is abandoned; a cache makes no promise to hold a row.

import type { RowCache } from "./row-cache.js";

/** The fills of one cache. */
export interface TierFills {
  /** How many of `rows` rows there is room for; the others are counted as dropped, and these are to be added next. */
  reserve(rows: number): number;
  /** Takes rows for which room was reserved; both arrays stay unchanged from now on. */
  add(rowIds: Uint32Array, rows: Uint8Array): void;
  /** Counters, in rows, but `failures` in fills. */
  readonly counts: { filled: number; dropped: number; failures: number };
  /** Resolves when nothing waits and nothing is being written. */
  idle(): Promise<void>;
  /** Abandons what waits; resolves when the fill that is being written has ended. */
  close(): Promise<void>;
}

interface Fill {
  readonly rowIds: Uint32Array;
  readonly rows: Uint8Array;
}

/** An empty queue that holds at most `maxBytes` of rows, the fill being written included. */
export function tierFills(cache: RowCache, maxBytes: number): TierFills {
  const { rowBytes } = cache.table;
  const counts = { filled: 0, dropped: 0, failures: 0 };
  const waiting: Fill[] = [];
  let held = 0; // rows waiting or being written
  let running: Promise<void> | undefined;
  let closed = false;

  const write = async (): Promise<void> => {
    await Promise.resolve(); // the ticket that brought the rows goes first
    for (let fill = waiting.shift(); fill !== undefined; fill = waiting.shift()) {
      try {
        await cache.fill(fill.rowIds, fill.rows);
        counts.filled += fill.rowIds.length;
      } catch {
        counts.failures++; // the rows are read from the slower tier again
      }
      held -= fill.rowIds.length;
    }
    running = undefined;
  };

  return {
    counts,
    reserve(rows) {
      const room = closed ? 0 : Math.max(0, Math.floor(maxBytes / rowBytes) - held);
      const taken = Math.min(room, rows);
      counts.dropped += rows - taken;
      held += taken;
      return taken;
    },
    add(rowIds, rows) {
      waiting.push({ rowIds, rows });
      running ??= write();
    },
    idle: () => running ?? Promise.resolve(),
    close() {
      closed = true;
      for (const { rowIds } of waiting) {
        counts.dropped += rowIds.length;
        held -= rowIds.length;
      }
      waiting.length = 0;
      return running ?? Promise.resolve();
    },
  };
}
