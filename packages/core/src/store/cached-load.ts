// One reading of missing rows through the store inside, shared by all tickets that need a row of it. Its rows go into
// slots of the slab, and those for which no slot was free stay in the load's own memory, for the ticket that began it.

import { NO_SLOT } from "./clock-memory.js";
import type { ClockSlab } from "./clock-slab.js";
import type { PrefetchOptions, RowStore, Ticket } from "./row-store.js";
import { ticketState } from "./wrapped-tickets.js";

/** What the loads of one cache share. */
export interface LoadContext {
  readonly store: RowStore;
  readonly slab: ClockSlab;
  /** The load that fills a slot; absent where the slot's row is there. */
  readonly loading: Map<number, CachedLoad>;
}

/** A reading that has not begun, is under way, or has ended. */
export class CachedLoad {
  /** Resolves when the rows are there, undefined where they are already. */
  done: Promise<void> | undefined;
  /** The rows are there. */
  complete = false;
  /** Rows without a slot: row id to its place in `rows`. */
  readonly #overflow = new Map<number, number>();
  readonly #context: LoadContext;
  readonly #rowIds: number[] = [];
  readonly #slots: number[] = [];
  #ticket: Ticket | undefined;
  #rows: Uint8Array | undefined;
  #users = 1;
  #ended = false;

  constructor(context: LoadContext) {
    this.#context = context;
  }

  /** Adds a row that goes into a slot just claimed, whose pin the load keeps until it ends. */
  addSlot(row: number, slot: number): void {
    this.#rowIds.push(row);
    this.#slots.push(slot);
    this.#context.loading.set(slot, this);
  }

  /** Adds a row that finds no slot, once, and gives its place in the load's own memory. */
  addOverflow(row: number): number {
    const known = this.#overflow.get(row);
    if (known !== undefined) return known;
    const place = this.#rowIds.push(row) - 1;
    this.#slots.push(NO_SLOT);
    this.#overflow.set(row, place);
    return place;
  }

  /**
   * Asks the store inside. A store that has the rows at hand completes the load before this returns.
   * @throws EngramError what its prefetch throws; the load has then ended.
   */
  begin(options: PrefetchOptions): void {
    try {
      const ticket = this.#context.store.prefetch(Uint32Array.from(this.#rowIds), options);
      this.#ticket = ticket;
      if (ticketState(ticket) === "ready") this.#take(ticket);
      else this.done = ticket.ready.then(() => this.#take(ticket)).catch((cause: unknown) => this.#fail(cause));
    } catch (cause) {
      this.cancel();
      throw cause;
    }
    this.done?.catch(() => {}); // tickets that still wait have handlers of their own
  }

  /** Some rows found no slot. */
  get hasOverflow(): boolean {
    return this.#overflow.size > 0;
  }

  /** Copies one row of the load's own memory. */
  copyOverflow(place: number, out: Uint8Array, at: number): void {
    const { rowBytes } = this.#context.store.table;
    const rows = this.#rows;
    if (rows !== undefined) out.set(rows.subarray(place * rowBytes, (place + 1) * rowBytes), at);
  }

  join(): void {
    this.#users++;
  }

  /** One ticket less needs the load; the last ends a reading that is still under way. */
  leave(): void {
    if (--this.#users > 0) return;
    this.#rows = undefined;
    this.cancel();
  }

  /** Ends a reading under way; its rows are not found any more, so that the next ticket asks again. */
  cancel(): void {
    if (this.#ended) return;
    this.#end();
  }

  #fail(cause: unknown): never {
    this.cancel();
    throw cause;
  }

  #take(ticket: Ticket): void {
    if (this.#ended) return; // nobody waits any more
    const { slab, store } = this.#context;
    const rows = new Uint8Array(this.#rowIds.length * store.table.rowBytes);
    ticket.gather(rows);
    slab.memory.write(Uint32Array.from(this.#slots), this.#slots.length, rows);
    this.complete = true;
    if (this.hasOverflow) this.#rows = rows;
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    const { slab, loading } = this.#context;
    for (const slot of this.#slots) {
      if (slot === NO_SLOT) continue;
      loading.delete(slot);
      if (!this.complete) slab.forget(slot);
      slab.unpin(slot);
    }
    this.#ticket?.release();
  }
}
