// Rows read into memory of the ticket's own: sorted, each once, near ones together, synchronously for as long as reads
// come from the system's cache, and by the thread pool from the first one that does not. Rows of a mapped file go through
// here only where the mapping was given up.

import { readSync } from "node:fs";
import {
  decodeRows,
  type EngramError,
  type ReadPlan,
  type RowEncoding,
  readPlan,
  sortedRows,
  type TicketSource,
} from "@engram-ts/core";
import { fileError } from "./file-error.js";
import type { FileScope } from "./file-scope.js";
import type { QueuedRead, ReadJob } from "./read-queue.js";

/** A read that took longer did not come from the system's cache; one that did takes 1 to 5 microseconds. */
const SLOW_READ_MS = 0.03;
/** Reads of one turn of the event loop. */
const TURN_READS = 512;
/** Rows with no more between them are read as one: the pages would be the same, or neighbours. */
const MAX_GAP_BYTES = 4096;
const MAX_RANGE_BYTES = 2 ** 20;

/** A batch being read, or read. */
export class PlannedRows implements TicketSource, ReadJob {
  readonly length: number;
  readonly rowBytes: number;
  readonly width: number;
  readonly priority: number;
  readonly loading?: Promise<void>;
  readonly #scope: FileScope;
  readonly #encoding: RowEncoding;
  readonly #places: Uint32Array;
  readonly #rowCount: number;
  readonly #plan: ReadPlan;
  /** The ranges, one after the other. */
  #ranges: Uint8Array[];
  /** Bytes of each range that have come. */
  readonly #filled: Uint32Array;
  /** The rows, each once; undefined until all have come. */
  #rows: Uint8Array | undefined;
  #started = 0;
  #ended = 0;
  #over = false;
  #resolve: () => void = () => {};
  #reject: (error: EngramError) => void = () => {};

  /** @param reads whether to begin synchronously. */
  constructor(scope: FileScope, batch: Uint32Array, reads: "auto" | "async", priority: number) {
    const { locations, encoding } = scope;
    const { rowIds, places } = sortedRows(batch);
    this.length = batch.length;
    this.rowBytes = locations.rowBytes;
    this.width = encoding.width;
    this.priority = priority;
    this.#scope = scope;
    this.#encoding = encoding;
    this.#places = places;
    this.#rowCount = rowIds.length;
    this.#plan = readPlan(locations, rowIds, { maxGapBytes: MAX_GAP_BYTES, maxRangeBytes: MAX_RANGE_BYTES });
    this.#ranges = cutRanges(this.#plan);
    this.#filled = new Uint32Array(this.#plan.length);
    let outcome: "done" | "more" | "slow" = this.#plan.length === 0 ? "done" : "slow";
    try {
      if (reads === "auto" || this.#plan.length === 0) outcome = this.#readTurn();
    } catch (error) {
      this.loading = Promise.reject(error);
      return;
    }
    if (outcome === "done") return;
    this.loading = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#goOn(outcome);
  }

  gather(out: Uint8Array): void {
    const { rowBytes } = this;
    const rows = this.#rows;
    if (rows === undefined) return; // cannot be: the ticket is not ready
    for (let i = 0; i < this.length; i++) {
      const at = (this.#places[i] as number) * rowBytes; // as many places as rows
      out.set(rows.subarray(at, at + rowBytes), i * rowBytes);
    }
  }

  decode(out: Float32Array): void {
    const packed = new Uint8Array(this.length * this.rowBytes);
    this.gather(packed);
    decodeRows(this.#encoding, packed, out);
  }

  zeroMissing(): number {
    this.#over = true;
    // Ones for every byte that has come, put together as the rows are: a row with a zero has not come whole.
    const come = this.#ranges.map((range, i) => new Uint8Array(range.length).fill(this.#isFilled(i) ? 1 : 0));
    const marks = new Uint8Array(this.#rowCount * this.rowBytes);
    const rows = marks.slice();
    this.#plan.assemble(come, marks);
    this.#plan.assemble(this.#ranges, rows);
    const missing = new Uint8Array(this.#rowCount);
    for (let i = 0; i < missing.length; i++) {
      const [from, until] = [i * this.rowBytes, (i + 1) * this.rowBytes];
      if (marks.subarray(from, until).every((mark) => mark === 1)) continue;
      rows.fill(0, from, until);
      missing[i] = 1;
    }
    this.#rows = rows;
    return this.#places.reduce((count, place) => count + (missing[place] as number), 0);
  }

  free(): void {
    this.#over = true;
    this.#rows = undefined;
    this.#resolve();
  }

  /** The next read of the thread pool's. */
  next(): QueuedRead | undefined {
    if (this.#over || this.#started === this.#plan.length) return undefined;
    return this.#readOf(this.#started++);
  }

  ended(read: QueuedRead, bytes: number, error: unknown): void {
    if (this.#over) return;
    const range = read.index;
    if (error === null && bytes === read.buffer.length) {
      this.#filled[range] = bytes;
      if (++this.#ended === this.#plan.length) this.#finish();
      return;
    }
    this.#fail(this.#readError(range, bytes, error));
  }

  #goOn(outcome: "more" | "slow"): void {
    if (outcome === "slow") {
      this.#scope.heat.cool();
      this.#ended = this.#started;
      this.#scope.queue.add(this);
      return;
    }
    setImmediate(() => {
      if (this.#over) return;
      try {
        const next = this.#readTurn();
        if (next !== "done") this.#goOn(next);
      } catch (cause) {
        this.#fail(fileError(cause, "store.prefetch", this.#scope.folder));
      }
    });
  }

  /** Reads in this thread until all is read, the turn is over, or a read was slow. */
  #readTurn(): "done" | "more" | "slow" {
    const turnEnd = Math.min(this.#plan.length, this.#started + TURN_READS);
    const { heat } = this.#scope;
    heat.look();
    let before = performance.now();
    while (this.#started < turnEnd) {
      const range = this.#started++;
      const one = this.#readOf(range);
      let bytes: number;
      try {
        bytes = readSync(one.descriptor, one.buffer, 0, one.buffer.length, one.position);
      } catch (error) {
        throw this.#readError(range, 0, error);
      }
      if (bytes !== one.buffer.length) throw this.#readError(range, bytes, null);
      this.#filled[range] = bytes;
      const now = performance.now();
      // the last read of a batch has nothing after it that could be read better
      if (heat.isDisk(now - before > SLOW_READ_MS) && this.#started < this.#plan.length) return "slow";
      before = now;
    }
    if (this.#started < this.#plan.length) return "more";
    this.#scope.heat.warm();
    this.#finish();
    return "done";
  }

  #readOf(range: number): QueuedRead {
    const { objects, starts } = this.#plan;
    const buffer = this.#ranges[range] as Uint8Array; // range < plan.length, here and below
    const file = this.#scope.files[objects[range] as number];
    return { index: range, descriptor: file?.descriptor ?? -1, buffer, position: starts[range] as number };
  }

  #readError(range: number, found: number, error: unknown): EngramError {
    const { objects, starts } = this.#plan;
    const file = this.#scope.files[objects[range] as number];
    if (error !== null) return fileError(error, "store.prefetch", file?.path ?? "");
    const expected = this.#ranges[range]?.length ?? 0;
    return file?.shortRead(starts[range] as number, expected, found) ?? fileError(error, "store.prefetch", "");
  }

  #isFilled(range: number): boolean {
    return this.#filled[range] === this.#ranges[range]?.length;
  }

  #finish(): void {
    const rows = new Uint8Array(this.#rowCount * this.rowBytes);
    this.#plan.assemble(this.#ranges, rows);
    this.#ranges = [];
    this.#rows = rows;
    this.#over = true;
    this.#resolve();
  }

  #fail(error: EngramError): void {
    this.#over = true;
    this.#reject(error);
  }
}

/** A buffer for each range, all in one piece of memory. */
function cutRanges({ length, starts, ends, bytes }: ReadPlan): Uint8Array[] {
  const memory = new ArrayBuffer(bytes);
  let at = 0;
  return Array.from({ length }, (_, i) => {
    const size = (ends[i] as number) - (starts[i] as number);
    const range = new Uint8Array(memory, at, size);
    at += size;
    return range;
  });
}
