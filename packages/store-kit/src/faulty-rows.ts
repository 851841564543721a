// The rows of one ticket of a faulty store: those of a ticket of the store inside, late, wrong, or not at all.

import {
  decodeRows,
  EngramError,
  type ErrorCode,
  type RowStore,
  type Ticket,
  type TicketSource,
} from "@engram-ts/core";

/** All ways in which a faulty store fails. */
export const STORE_FAULT_KINDS = [
  "io", // retry: later
  "truncated", // a short read, as reported: retry: later
  "digest-mismatch", // a corrupt read, as reported: retry: later
  "permission-denied", // retry: never
  "stall", // settles only when it is released, aborted or closed
  "late", // after `lateMs`
  "wrong-rows", // one bit of one row differs, and nothing is reported
] as const;

/** One way to fail. */
export type StoreFaultKind = (typeof STORE_FAULT_KINDS)[number];

/** What becomes of a ticket. */
export interface FaultyFate {
  readonly fault: StoreFaultKind | undefined;
  readonly waitMs: number;
  /** From 0 to below 1: where in the rows a bit is wrong. */
  readonly place: number;
}

const MEANINGS: Partial<Record<StoreFaultKind, readonly [code: ErrorCode, retry: "later" | "never", message: string]>> =
  {
    io: ["io", "later", "the reading failed; try again later"],
    truncated: ["truncated", "later", "fewer bytes came than were asked for; try again"],
    "digest-mismatch": ["digest-mismatch", "later", "a block has another digest than it should have"],
    "permission-denied": ["permission-denied", "never", "the reading was refused"],
  };

/** The source behind a ticket. */
export class FaultyRows implements TicketSource {
  readonly length: number;
  readonly rowBytes: number;
  readonly width: number;
  readonly loading: Promise<void>;
  readonly #store: RowStore;
  readonly #fate: FaultyFate;
  readonly #ticket: Ticket;
  #timer: NodeJS.Timeout | undefined;
  #zeros = false;

  constructor(store: RowStore, rowIds: Uint32Array, fate: FaultyFate) {
    const { table } = store;
    this.length = rowIds.length;
    this.rowBytes = table.rowBytes;
    this.width = table.encoding.width;
    this.#store = store;
    this.#fate = fate;
    this.#ticket = store.prefetch(rowIds);
    this.loading = this.#load();
  }

  gather(out: Uint8Array): void {
    if (this.#zeros) {
      out.fill(0);
      return;
    }
    this.#ticket.gather(out);
    if (this.#fate.fault !== "wrong-rows" || out.length === 0) return;
    const bit = Math.floor(this.#fate.place * out.length * 8);
    out[bit >> 3] = (out[bit >> 3] as number) ^ (1 << (bit & 7)); // bit < 8 * length
  }

  decode(out: Float32Array): void {
    const rows = new Uint8Array(this.length * this.rowBytes);
    this.gather(rows);
    if (this.#zeros) out.fill(0);
    else decodeRows(this.#store.table.encoding, rows, out);
  }

  zeroMissing(): number {
    this.#zeros = true;
    return this.length;
  }

  free(): void {
    this.end();
  }

  /** Ends the waiting. */
  end(): void {
    clearTimeout(this.#timer);
    this.#ticket.release();
  }

  async #load(): Promise<void> {
    const { fault, waitMs } = this.#fate;
    this.#ticket.ready.catch(() => {}); // met below, unless the fault comes first
    if (waitMs > 0) {
      await new Promise<void>((resolve) => {
        this.#timer = setTimeout(resolve, waitMs);
      });
    }
    if (fault === "stall") await new Promise<never>(() => {});
    const meaning = fault === undefined ? undefined : MEANINGS[fault];
    if (meaning !== undefined) {
      const [code, retry, message] = meaning;
      throw new EngramError({ code, operation: "store.prefetch", message, retry, context: { fault } });
    }
    await this.#ticket.ready;
  }
}
