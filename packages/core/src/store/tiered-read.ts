// The reading of one ticket through tiers: each cache is asked for what is still missing, the store for the rest. As
// long as the tiers answer at once, so does the reading. Rows lie in the ticket's own memory, each different row once.

import { type BatchRows, batchRows, NOT_HERE } from "./batch-rows.js";
import type { RowCache } from "./row-cache.js";
import type { PrefetchOptions, RowStore, Ticket } from "./row-store.js";
import type { TicketSource } from "./ticket.js";
import { ticketState } from "./wrapped-tickets.js";

/** What the readings of one tiered store share. */
export interface TierContext {
  readonly caches: readonly RowCache[];
  readonly store: RowStore;
  /** A cache gave this many rows. */
  hit(tier: number, rows: number): void;
  /** A cache could not be read, or gave an answer that cannot be right. */
  failed(tier: number): void;
  /** Rows that faster tiers did not have: row i came from tier `from[i]`, the store being the last. */
  arrived(rowIds: Uint32Array, rows: Uint8Array, from: Uint8Array): void;
}

/** The source behind a ticket; made by {@link readThroughTiers}. */
class TierRows implements TicketSource {
  readonly length: number;
  readonly rowBytes: number;
  readonly width: number;
  loading?: Promise<void>;
  readonly #context: TierContext;
  readonly #options: PrefetchOptions;
  readonly #batch: BatchRows;
  #missing: number;
  #ticket: Ticket | undefined;
  #freed = false;

  constructor(context: TierContext, rowIds: Uint32Array, options: PrefetchOptions) {
    const { table } = context.store;
    this.length = rowIds.length;
    this.rowBytes = table.rowBytes;
    this.width = table.encoding.width;
    this.#context = context;
    this.#options = options;
    this.#batch = batchRows(table, rowIds);
    this.#missing = this.#batch.rowIds.length;
    const loading = this.#readFrom(0);
    if (loading !== undefined) this.loading = loading;
  }

  gather(out: Uint8Array): void {
    this.#batch.gather(out);
  }

  decode(out: Float32Array): void {
    this.#batch.decode(out);
  }

  zeroMissing(): number {
    return this.#batch.zeroMissing();
  }

  free(): void {
    this.#freed = true;
    this.#ticket?.release();
    this.#ticket = undefined;
  }

  /** Reads on from a tier; undefined where all rows are there. */
  #readFrom(first: number): Promise<void> | undefined {
    const { caches } = this.#context;
    for (let tier = first; tier < caches.length && this.#missing > 0; tier++) {
      const asked = this.#lookUp(tier);
      if (asked !== undefined) return asked.then(() => (this.#freed ? undefined : this.#readFrom(tier + 1)));
    }
    return this.#missing > 0 ? this.#readStore() : this.#finish();
  }

  /** Asks one cache; a failure leaves the rows to the next tier. */
  #lookUp(tier: number): Promise<void> | undefined {
    const { rowIds, rows, from } = this.#batch;
    const found = from.map((source) => (source === NOT_HERE ? 0 : 1));
    const failed = (): void => this.#context.failed(tier);
    const accept = (added: number): void => {
      let count = 0;
      for (let i = 0; i < found.length; i++) if (found[i] !== 0 && from[i] === NOT_HERE) count++;
      if (count !== added) {
        failed();
        return;
      }
      for (let i = 0; i < found.length; i++) if (found[i] !== 0 && from[i] === NOT_HERE) from[i] = tier;
      this.#missing -= added;
      if (added > 0) this.#context.hit(tier, added);
    };
    try {
      const added = this.#context.caches[tier]?.lookup(rowIds, rows, found) ?? 0;
      if (typeof added !== "number") return added.then(accept, failed);
      accept(added);
    } catch {
      failed();
    }
    return undefined;
  }

  #readStore(): Promise<void> | undefined {
    const { rowIds, from } = this.#batch;
    const rest = rowIds.filter((_, i) => from[i] === NOT_HERE);
    const ticket = this.#context.store.prefetch(rest, this.#options);
    this.#ticket = ticket;
    if (ticketState(ticket) !== "ready") return ticket.ready.then(() => this.#take(ticket));
    this.#take(ticket);
    return undefined;
  }

  #take(ticket: Ticket): void {
    if (this.#freed) return;
    const { rowBytes } = this;
    const { from } = this.#batch;
    const rows = new Uint8Array(ticket.length * rowBytes);
    ticket.gather(rows);
    const tier = this.#context.caches.length;
    let next = 0;
    for (let i = 0; i < from.length; i++) {
      if (from[i] === NOT_HERE) this.#batch.take(i, rows.subarray(next * rowBytes, ++next * rowBytes), tier);
    }
    this.#missing = 0;
    ticket.release();
    this.#ticket = undefined;
    this.#finish();
  }

  #finish(): undefined {
    const { rowIds, rows, from } = this.#batch;
    this.#context.arrived(rowIds, rows, from);
    return undefined;
  }
}

/**
 * Starts to read a batch.
 * @throws EngramError what the store's prefetch throws, where it comes to that at once.
 */
export function readThroughTiers(context: TierContext, batch: Uint32Array, options: PrefetchOptions): TicketSource {
  return new TierRows(context, batch, options);
}
