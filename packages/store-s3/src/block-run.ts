// One reading of consecutive blocks of rows, shared by all tickets that want a row of them. Its ranges are fetched at
// once; the rows are there when all have come and every block has the digest that the manifest says.

import { hash } from "node:crypto";
import { setMaxListeners } from "node:events";
import { EngramError, type LocatedPart, type RowLocations, readPlan } from "@engram-ts/core";
import type { QueuedRequest, RequestQueue } from "./request-queue.js";

/** What the runs of one table share. */
export interface RunContext {
  readonly locations: RowLocations;
  readonly blockRows: number;
  /** SHA-256 of each block, where blocks are to be verified. */
  readonly digests: Uint8Array | undefined;
  readonly queue: RequestQueue;
  /** The run that reads a block. */
  readonly runs: Map<number, BlockRun>;
  /** Fetches bytes of an object, into memory of its own or into that given. */
  fetch(object: number, start: number, length: number, signal: AbortSignal, into?: Uint8Array): Promise<Uint8Array>;
}

/** Who waits for a run. */
export interface RunReader {
  /** All rows of the run, packed; to be copied at once, unless they were read into the reader's memory. */
  rowsCame(run: BlockRun, rows: Uint8Array): void;
  runFailed(error: unknown): void;
}

/** A reading under way. */
export class BlockRun {
  readonly firstRow: number;
  readonly endRow: number;
  readonly #context: RunContext;
  readonly #readers = new Set<RunReader>();
  readonly #controller = new AbortController();
  #requests: readonly QueuedRequest[] = [];
  #into: Uint8Array | undefined;

  /** @param firstBlock the first of the blocks to be read, up to `endBlock`. */
  constructor(context: RunContext, firstBlock: number, endBlock: number) {
    this.#context = context;
    setMaxListeners(0, this.#controller.signal); // one for each range
    this.firstRow = firstBlock * context.blockRows;
    this.endRow = Math.min(endBlock * context.blockRows, context.locations.rows);
  }

  /**
   * Begins to read for its first reader.
   * @param into the reader's memory for all rows of the run, to be read into where that saves a copy.
   */
  start(reader: RunReader, priority: number, into?: Uint8Array): void {
    this.#readers.add(reader);
    this.#into = into;
    for (const block of this.#blocks()) this.#context.runs.set(block, this);
    this.#read(priority).then(
      (rows) => {
        this.#forget();
        for (const one of this.#readers) one.rowsCame(this, rows);
      },
      (error: unknown) => {
        this.#forget();
        for (const one of [...this.#readers]) one.runFailed(error);
      },
    );
  }

  /** One more reader; one in more of a hurry makes it go first. */
  join(reader: RunReader, priority: number): void {
    this.#readers.add(reader);
    for (const request of this.#requests) request.raise(priority);
  }

  /** One reader less; without any the reading ends. */
  leave(reader: RunReader): void {
    if (!this.#readers.delete(reader) || this.#readers.size > 0) return;
    this.#forget();
    this.#controller.abort();
  }

  async #read(priority: number): Promise<Uint8Array> {
    const { locations } = this.#context;
    const part = locations.parts[locations.partOf(this.firstRow)];
    const rows =
      part !== undefined && isPacked(part, locations.rowBytes) && this.endRow <= part.endRow
        ? await this.#readPacked(part, priority)
        : await this.#readApart(priority);
    this.#verify(rows);
    return rows;
  }

  /** Rows that lie one behind the other, scales and all, need no putting together. */
  async #readPacked({ firstRow, data }: LocatedPart, priority: number): Promise<Uint8Array> {
    const start = data.offset + (this.firstRow - firstRow) * data.stride;
    const [rows] = await this.#fetch(
      [[data.object, start, (this.endRow - this.firstRow) * data.stride]],
      priority,
      this.#into,
    );
    return rows as Uint8Array; // one range was asked for
  }

  async #readApart(priority: number): Promise<Uint8Array> {
    const { locations, blockRows } = this.#context;
    const rowIds = Uint32Array.from({ length: this.endRow - this.firstRow }, (_, i) => this.firstRow + i);
    const plan = readPlan(locations, rowIds, { granule: { rows: blockRows } });
    const ranges = Array.from({ length: plan.length }, (_, i): Range => {
      const start = plan.starts[i] as number; // i < length
      return [plan.objects[i] as number, start, (plan.ends[i] as number) - start];
    });
    const out = new Uint8Array(rowIds.length * locations.rowBytes);
    plan.assemble(await this.#fetch(ranges, priority), out);
    return out;
  }

  async #fetch(ranges: readonly Range[], priority: number, into?: Uint8Array): Promise<Uint8Array[]> {
    const { queue } = this.#context;
    const { signal } = this.#controller;
    const fetched: Uint8Array[] = [];
    this.#requests = ranges.map(([object, start, length], i) =>
      queue.add(priority, signal, async () => {
        fetched[i] = await this.#context.fetch(object, start, length, signal, into);
      }),
    );
    const all = this.#requests.map(({ done }) => done);
    try {
      await Promise.all(all);
    } catch (cause) {
      this.#controller.abort(); // the rows of the other ranges are of no use alone
      throw cause;
    }
    return fetched;
  }

  #verify(rows: Uint8Array): void {
    const { digests, blockRows, locations } = this.#context;
    if (digests === undefined) return;
    const blockBytes = blockRows * locations.rowBytes;
    for (const block of this.#blocks()) {
      const at = (block * blockRows - this.firstRow) * locations.rowBytes;
      const found = hash("sha256", rows.subarray(at, at + blockBytes), "buffer");
      if (found.equals(digests.subarray(block * 32, block * 32 + 32))) continue;
      const end = Math.min((block + 1) * blockRows, locations.rows);
      throw new EngramError({
        code: "digest-mismatch",
        operation: "store.prefetch",
        message: `the rows ${block * blockRows} to ${end - 1} (block ${block}) have another digest than the manifest says; damaged on the way they come right when read again, else the table is damaged`,
        retry: "later",
        context: { block, firstRow: block * blockRows, endRow: end },
      });
    }
  }

  #blocks(): number[] {
    const { blockRows } = this.#context;
    const first = this.firstRow / blockRows;
    return Array.from({ length: Math.ceil(this.endRow / blockRows) - first }, (_, i) => first + i);
  }

  #forget(): void {
    const { runs } = this.#context;
    for (const block of this.#blocks()) if (runs.get(block) === this) runs.delete(block);
  }
}

type Range = readonly [object: number, start: number, length: number];

function isPacked({ data, scales }: LocatedPart, rowBytes: number): boolean {
  return scales === undefined && data.stride === rowBytes;
}
