// The life of a ticket, the same for every store: pending, then ready or failed, then released. A store supplies the
// copying and the freeing (TicketSource); the states, the checks, the deadline, the abort signal and the counters are here.

import { EngramError, isEngramError } from "../errors.js";
import type { PrefetchOptions, Ticket } from "./row-store.js";
import type { StoreCounters } from "./store-counters.js";

/** What a store supplies for one ticket. */
export interface TicketSource {
  /** Rows asked for. */
  readonly length: number;
  /** Bytes of a row. */
  readonly rowBytes: number;
  /** Values of a row. */
  readonly width: number;
  /** The reading under way; absent where the rows are there already. */
  readonly loading?: Promise<void>;
  /** Copies the encoded rows; `out` has been checked. */
  gather(out: Uint8Array): void;
  /** Decodes the rows; `out` has been checked. */
  decode(out: Float32Array): void;
  /** Unpins the rows; called exactly once, also after a failure. Must end a reading that is still under way. */
  free(): void;
  /** For `onMiss: "zero"`: from now on reads give zeros for rows that have not come; returns how many those are. */
  zeroMissing?(): number;
}

const PENDING = 0;
const READY = 1;
const FAILED = 2;

/** A {@link Ticket} that its store can fail. */
export class StoreTicket implements Ticket {
  readonly length: number;
  readonly #source: TicketSource;
  readonly #counters: StoreCounters;
  readonly #onRelease: ((ticket: StoreTicket) => void) | undefined;
  #state = READY;
  #released = false;
  #error: EngramError | undefined;
  #ready: { promise: Promise<void>; resolve(): void; reject(error: EngramError): void } | undefined;
  #cleanup: (() => void) | undefined;

  /**
   * Opens a ticket and counts it.
   * @param onRelease told once, when the ticket is released; for stores that keep a set of open tickets.
   */
  constructor(
    source: TicketSource,
    counters: StoreCounters,
    options?: PrefetchOptions,
    onRelease?: (ticket: StoreTicket) => void,
  ) {
    this.length = source.length;
    this.#source = source;
    this.#counters = counters;
    this.#onRelease = onRelease;
    counters.prefetches++;
    counters.rows += source.length;
    counters.bytes += source.length * source.rowBytes;
    counters.openTickets++;
    if (options?.signal?.aborted) {
      this.fail(aborted(options.signal));
      source.loading?.catch(ignore);
    } else if (source.loading !== undefined) this.#wait(source.loading, options);
  }

  get settled(): boolean {
    return this.#state !== PENDING;
  }

  get error(): EngramError | undefined {
    return this.#error;
  }

  get ready(): Promise<void> {
    if (this.#ready !== undefined) return this.#ready.promise;
    if (this.#error !== undefined) return handled(Promise.reject(this.#error));
    if (this.#state === READY) return Promise.resolve();
    let resolve: () => void = () => {};
    let reject: (error: EngramError) => void = () => {};
    const promise = new Promise<void>((onResolve, onReject) => {
      resolve = onResolve;
      reject = onReject;
    });
    this.#ready = { promise: handled(promise), resolve, reject };
    return promise;
  }

  gather(out: Uint8Array): void {
    this.#checkReadable("ticket.gather");
    const bytes = this.length * this.#source.rowBytes;
    if (!(out instanceof Uint8Array) || out.length !== bytes)
      throw wrongLength("ticket.gather", "Uint8Array", out, bytes);
    this.#source.gather(out);
  }

  decode(out: Float32Array): void {
    this.#checkReadable("ticket.decode");
    const values = this.length * this.#source.width;
    if (!(out instanceof Float32Array) || out.length !== values) {
      throw wrongLength("ticket.decode", "Float32Array", out, values);
    }
    this.#source.decode(out);
  }

  release(): void {
    if (this.#released) return;
    if (this.#state === PENDING) {
      this.#settle(FAILED, released("ticket.ready"));
    }
    this.#released = true;
    this.#counters.openTickets--;
    this.#source.free();
    this.#onRelease?.(this);
  }

  /** Fails the ticket: reads throw `error` from now on. For its store, on a failed reading or on close. */
  fail(error: EngramError): void {
    if (this.#released || this.#state === FAILED) return;
    this.#counters.failures++;
    this.#settle(FAILED, error);
  }

  #wait(loading: Promise<void>, options: PrefetchOptions | undefined): void {
    this.#state = PENDING;
    const start = performance.now();
    const { signal, deadlineMs, onMiss } = options ?? {};
    const onAbort = signal === undefined ? undefined : () => this.fail(aborted(signal));
    if (onAbort !== undefined) signal?.addEventListener("abort", onAbort, { once: true });
    const timer = deadlineMs === undefined ? undefined : setTimeout(() => this.#miss(onMiss ?? "wait"), deadlineMs);
    this.#cleanup = () => {
      this.#counters.latency(performance.now() - start);
      if (onAbort !== undefined) signal?.removeEventListener("abort", onAbort);
      clearTimeout(timer);
    };
    loading.then(
      () => {
        if (this.#state === PENDING) this.#settle(READY, undefined);
      },
      (cause: unknown) => {
        if (this.#state === PENDING) this.fail(asEngramError(cause));
      },
    );
  }

  #miss(onMiss: "wait" | "zero"): void {
    if (this.#state !== PENDING) return;
    this.#counters.deadlineMisses++;
    if (onMiss === "wait" || this.#source.zeroMissing === undefined) return;
    this.#counters.zeroedRows += this.#source.zeroMissing();
    this.#settle(READY, undefined);
  }

  #settle(state: typeof READY | typeof FAILED, error: EngramError | undefined): void {
    this.#state = state;
    this.#error = error;
    this.#cleanup?.();
    this.#cleanup = undefined;
    if (error === undefined) this.#ready?.resolve();
    else this.#ready?.reject(error);
    this.#ready = undefined; // a ticket that was ready can still fail: later reads of `ready` follow the state
  }

  #checkReadable(operation: string): void {
    if (this.#released) throw released(operation);
    if (this.#state === READY) return;
    if (this.#error !== undefined) throw this.#error;
    throw new EngramError({
      code: "ticket-not-ready",
      operation,
      message: "the rows are still being read; await ticket.ready first",
      retry: "later",
    });
  }
}

function ignore(): void {}

/** A failure is also told by gather, so a `ready` that nobody awaits must not end the process as unhandled. */
function handled(promise: Promise<void>): Promise<void> {
  promise.catch(ignore);
  return promise;
}

function released(operation: string): EngramError {
  return new EngramError({
    code: "ticket-released",
    operation,
    message: "the ticket was released, so its rows may be gone; gather before release, or prefetch again",
  });
}

function aborted(signal: AbortSignal): EngramError {
  return new EngramError({
    code: "aborted",
    operation: "store.prefetch",
    message: "the caller's signal ended the reading",
    cause: signal.reason,
  });
}

function wrongLength(operation: string, type: string, out: unknown, expected: number): EngramError {
  const found = ArrayBuffer.isView(out) ? `${out.constructor.name} of ${(out as Uint8Array).length}` : typeof out;
  return new EngramError({
    code: "output-length",
    operation,
    message: `the output is ${found}, and these rows need a ${type} of exactly ${expected}`,
    context: { expected },
  });
}

/** A store must reject with EngramErrors; one that does not is still reported as one, its own error as the cause. */
function asEngramError(cause: unknown): EngramError {
  if (isEngramError(cause)) return cause;
  return new EngramError({
    code: "io",
    operation: "store.prefetch",
    message: `reading failed: ${cause instanceof Error ? cause.message : String(cause)}`,
    retry: "later",
    cause,
  });
}
