// The rows of one ticket over several stores: each part is gathered from its store's ticket and put into its places.

import type { TableInfo } from "../rows/table.js";
import type { Ticket } from "./row-store.js";
import type { TicketSource } from "./ticket.js";
import { ticketState } from "./wrapped-tickets.js";

/** The rows that one store has, and where they go. */
export interface ShardPart {
  /** `places[i]` is where the store's row i goes in the batch. */
  readonly places: Uint32Array;
  readonly ticket: Ticket;
}

/** The source behind a ticket of a sharded store. */
export class ShardRows implements TicketSource {
  readonly length: number;
  readonly rowBytes: number;
  readonly width: number;
  loading?: Promise<void>;
  readonly #parts: readonly ShardPart[];
  readonly #zeroed = new Set<ShardPart>();

  constructor(table: TableInfo, length: number, parts: readonly ShardPart[]) {
    this.length = length;
    this.rowBytes = table.rowBytes;
    this.width = table.encoding.width;
    this.#parts = parts;
    const waits = parts.filter(({ ticket }) => ticketState(ticket) !== "ready").map(({ ticket }) => ticket.ready);
    if (waits.length > 0) this.loading = Promise.all(waits).then(() => {});
  }

  gather(out: Uint8Array): void {
    this.#fill(
      out,
      this.rowBytes,
      (ticket, part) => ticket.gather(part),
      (length) => new Uint8Array(length),
    );
  }

  decode(out: Float32Array): void {
    this.#fill(
      out,
      this.width,
      (ticket, part) => ticket.decode(part),
      (length) => new Float32Array(length),
    );
  }

  zeroMissing(): number {
    let rows = 0;
    for (const part of this.#parts) {
      if (ticketState(part.ticket) === "ready") continue;
      this.#zeroed.add(part);
      rows += part.places.length;
    }
    return rows;
  }

  free(): void {
    for (const { ticket } of this.#parts) ticket.release();
  }

  /** Puts rows of `size` elements into their places; a batch that one store has alone needs no second copy. */
  #fill<T extends Uint8Array | Float32Array>(
    out: T,
    size: number,
    read: (ticket: Ticket, part: T) => void,
    allocate: (length: number) => T,
  ): void {
    for (const part of this.#parts) {
      const { places, ticket } = part;
      if (this.#zeroed.has(part)) {
        for (const place of places) out.fill(0, place * size, (place + 1) * size);
        continue;
      }
      if (places.length === this.length) {
        read(ticket, out);
        return;
      }
      const rows = allocate(places.length * size);
      read(ticket, rows);
      places.forEach((place, i) => {
        out.set(rows.subarray(i * size, (i + 1) * size), place * size);
      });
    }
  }
}
