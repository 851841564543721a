// The contract that every storage tier keeps: warm asynchronously, gather synchronously. Types only.
// Row ids depend on tokens alone, so they are known before the model runs: `prefetch` starts the reading and gives a
// ticket, the model computes on, and `ticket.gather` copies rows that are there by then.
// Mistakes of the caller throw at once; failures of the world arrive on the ticket.

import type { EngramError } from "../errors.js";
import type { TableInfo } from "../rows/table.js";
import type { LatencySummary } from "./latency.js";

/** What a store can do, as numbers where a limit is meant. Tests skip a case for what is disclaimed here, and for nothing else. */
export interface StoreCapabilities {
  /** Most row ids that one prefetch takes. */
  readonly maxBatch: number;
  /** Every row is in memory: a ticket is settled when prefetch returns, unless a large batch went to worker threads. */
  readonly resident: boolean;
  /** The store is a {@link WritableRowStore}. */
  readonly writable: boolean;
  /** What was committed outlives the process. */
  readonly durable: boolean;
}

/** How a prefetch is to be carried out. */
export interface PrefetchOptions {
  /** Ends the reading; the ticket then fails with `aborted`. */
  readonly signal?: AbortSignal;
  /** When the rows are needed, in milliseconds from now. What happens then is said by `onMiss`; either way the miss is counted. */
  readonly deadlineMs?: number;
  /** Higher goes first where reads queue. Default 0. */
  readonly priority?: number;
  /** At the deadline: `wait` on (the default), or settle with `zero` bytes in the rows that have not come. */
  readonly onMiss?: "wait" | "zero";
}

/** Rows asked for and held until released. */
export interface Ticket {
  /** How many rows were asked for, duplicates counted. */
  readonly length: number;
  /** True once the rows can be gathered or the reading has failed; true at once where rows are resident. */
  readonly settled: boolean;
  /**
   * What reading failed with, undefined until then. Tickets that have it let a wrapper tell ready from failed without a
   * promise; those without are awaited, even where they are settled.
   */
  readonly error?: EngramError | undefined;
  /** Resolves when the rows can be gathered; rejects with an EngramError where reading failed. */
  readonly ready: Promise<void>;
  /**
   * Copies the encoded rows, in the order asked for, duplicates kept.
   * @param out exactly `length * rowBytes` bytes.
   * @throws EngramError `ticket-not-ready`, `ticket-released`, `store-closed`, `output-length`, or what reading failed with.
   */
  gather(out: Uint8Array): void;
  /**
   * Gathers and decodes in one pass.
   * @param out exactly `length * encoding.width` values, `[length, width]`.
   * @throws EngramError as `gather`.
   */
  decode(out: Float32Array): void;
  /**
   * Gives the rows back. Until then they are never evicted and never overwritten: a ticket reads the rows as they stood
   * when it was made. Releasing twice does nothing.
   */
  release(): void;
}

/** Counters since the store was opened. */
export interface StoreStats {
  /** Calls of prefetch. */
  readonly prefetches: number;
  /** Row ids asked for, duplicates counted. */
  readonly rows: number;
  /** Encoded bytes asked for: `rows * rowBytes`. */
  readonly bytes: number;
  /** Rows served by each tier, by the tier's name. */
  readonly hits: Readonly<Record<string, number>>;
  /** Different rows asked for, where the store counts them. */
  readonly distinctRows?: number;
  /** Prefetches whose rows had not come at their deadline. */
  readonly deadlineMisses: number;
  /** Rows given as zeros because of `onMiss: "zero"`. */
  readonly zeroedRows: number;
  /** Tickets that failed. */
  readonly failures: number;
  /** Tickets not yet released. */
  readonly openTickets: number;
  /** From prefetch to settled, of the tickets that were not settled at once, in milliseconds. */
  readonly latencyMs: LatencySummary;
}

/** One table behind one tier, or behind a stack of them. */
export interface RowStore {
  readonly table: TableInfo;
  readonly capabilities: StoreCapabilities;
  /**
   * Starts to bring rows near.
   * @param rowIds rows of the table, in any order, duplicates allowed; copied before the call returns.
   * @throws EngramError `row-out-of-range`, `batch-too-large`, `invalid-argument`, `store-closed`.
   */
  prefetch(rowIds: Uint32Array, options?: PrefetchOptions): Ticket;
  stats(): StoreStats;
  /** Frees what the store holds; unreleased tickets fail with `store-closed`. Closing twice does nothing. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** A store whose rows can be replaced. One transaction is open at a time. */
export interface WritableRowStore extends RowStore {
  /**
   * Opens a transaction.
   * @throws EngramError `transaction-open` while another one is open, `store-closed`.
   */
  begin(): RowTransaction;
}

/** Rows to be replaced all at once, or not at all. */
export interface RowTransaction {
  /**
   * Stages rows; both arrays are copied before the call returns, the last row put under an id wins.
   * @param rowIds rows of the table.
   * @param rows the encoded rows, `rowIds.length * rowBytes` bytes.
   * @throws EngramError at once: `row-out-of-range`, `output-length`, `transaction-closed`. The promise rejects where staging fails.
   */
  put(rowIds: Uint32Array, rows: Uint8Array): Promise<void>;
  /** Makes all staged rows visible to later prefetches at once. */
  commit(): Promise<void>;
  /** Forgets all staged rows. */
  abort(): Promise<void>;
}
