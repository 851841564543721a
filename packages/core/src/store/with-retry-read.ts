// One prefetch with its retries: an attempt that fails with `retry: "later"` is made again after a random time, until
// attempts, budget or deadline are spent. The ticket of the attempt that succeeded gives the rows.

import { EngramError, isEngramError } from "../errors.js";
import type { PrefetchOptions, RowStore, Ticket } from "./row-store.js";
import type { TicketSource } from "./ticket.js";
import type { TimeSource } from "./time-source.js";
import type { RetryBudget } from "./with-retry-budget.js";
import { ticketState } from "./wrapped-tickets.js";

/** What all prefetches of one wrapper share. */
export interface RetryContext {
  readonly store: RowStore;
  readonly attempts: number;
  readonly baseMs: number;
  readonly capMs: number;
  readonly budget: RetryBudget;
  readonly clock: TimeSource;
  random(): number;
  /** Changes with each commit. */
  version(): number;
}

const REPLACED = "rows were replaced by a commit meanwhile";

/** The source behind a ticket; the first attempt begins with it. */
export class RetriedRows implements TicketSource {
  readonly length: number;
  readonly rowBytes: number;
  readonly width: number;
  loading?: Promise<void>;
  readonly #context: RetryContext;
  readonly #options: PrefetchOptions;
  readonly #deadline: number;
  readonly #version: number;
  #rowIds: Uint32Array;
  #ticket: Ticket;
  #attempt = 1;
  #callOff: (() => void) | undefined;
  #freed = false;
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  /** @throws EngramError what the store's prefetch throws. */
  constructor(context: RetryContext, rowIds: Uint32Array, options: PrefetchOptions) {
    const { table } = context.store;
    this.length = rowIds.length;
    this.rowBytes = table.rowBytes;
    this.width = table.encoding.width;
    this.#context = context;
    this.#options = options;
    this.#deadline =
      options.deadlineMs === undefined ? Number.POSITIVE_INFINITY : context.clock.now() + options.deadlineMs;
    this.#version = context.version();
    this.#rowIds = rowIds;
    this.#ticket = context.store.prefetch(rowIds, options);
    if (ticketState(this.#ticket) === "ready") {
      context.budget.succeeded();
      return;
    }
    this.#rowIds = rowIds.slice(); // the caller's array is the caller's again when prefetch returns
    this.loading = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#watch();
  }

  gather(out: Uint8Array): void {
    this.#ticket.gather(out);
  }

  decode(out: Float32Array): void {
    this.#ticket.decode(out);
  }

  free(): void {
    this.#freed = true;
    this.#callOff?.();
    this.#ticket.release();
  }

  #watch(): void {
    this.#ticket.ready.then(
      () => {
        if (this.#freed) return;
        this.#context.budget.succeeded();
        this.#resolve();
      },
      (cause: unknown) => {
        if (!this.#freed) this.#failed(cause);
      },
    );
  }

  #failed(cause: unknown): void {
    if (!isEngramError(cause) || cause.retry !== "later") {
      this.#reject(cause);
      return;
    }
    const { attempts, baseMs, capMs, budget, clock, random } = this.#context;
    const waitMs = random() * Math.min(capMs, baseMs * 2 ** (this.#attempt - 1)); // full jitter
    if (this.#attempt >= attempts) this.#giveUp(cause, "all attempts are spent");
    else if (clock.now() + waitMs >= this.#deadline) this.#giveUp(cause, "the deadline leaves no time for another");
    else if (this.#isOutdated()) this.#giveUp(cause, REPLACED);
    else if (!budget.take()) this.#giveUp(cause, "the retry budget of this store is spent");
    else this.#callOff = clock.after(waitMs, () => this.#again(cause));
  }

  #again(cause: EngramError): void {
    this.#callOff = undefined;
    if (this.#isOutdated()) {
      this.#giveUp(cause, REPLACED);
      return;
    }
    this.#attempt++;
    const { store, clock } = this.#context;
    const { deadlineMs } = this.#options;
    const left = deadlineMs === undefined ? {} : { deadlineMs: Math.max(0, this.#deadline - clock.now()) };
    this.#ticket.release();
    try {
      this.#ticket = store.prefetch(this.#rowIds, { ...this.#options, ...left });
      this.#watch();
    } catch (refusal) {
      this.#reject(refusal);
    }
  }

  /** A ticket reads the rows as they stood when it was made; another attempt would read those of the commit since. */
  #isOutdated(): boolean {
    return this.#context.version() !== this.#version;
  }

  #giveUp(cause: EngramError, why: string): void {
    this.#reject(
      new EngramError({
        code: cause.code,
        operation: "store.prefetch",
        message: `gave up after ${this.#attempt} of ${this.#context.attempts} attempts, ${why}; the last one: ${cause.message}`,
        retry: "gave-up",
        context: { ...cause.context, attempts: this.#attempt },
        cause,
      }),
    );
  }
}
