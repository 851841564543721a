// The rows of one ticket: memory for each different row, filled run by run as answers come. A run's rows are copied all
// at once, so a row is either there or zero bytes, never in between.

import { decodeRows, type EngramError, sortedRows, type TableInfo, type TicketSource } from "@engram-ts/core";
import { BlockRun, type RunContext, type RunReader } from "./block-run.js";

/** How blocks are made into runs. */
export interface RunLimits {
  /** Most blocks of a run. */
  readonly maxBlocks: number;
  /** Most blocks between two that are read together. */
  readonly maxGapBlocks: number;
}

const DECODED_AT_ONCE = 256;

/** The source behind a ticket. Reading begins with {@link start}. */
export class S3Rows implements TicketSource, RunReader {
  readonly length: number;
  readonly rowBytes: number;
  readonly width: number;
  loading?: Promise<void>;
  readonly #table: TableInfo;
  /** The different rows, ascending, and where the batch has them; undefined where that is the same place. */
  readonly #rowIds: Uint32Array;
  readonly #places: Uint32Array | undefined;
  /** `[rowIds.length, rowBytes]`: what has not come is not defined until zeros are asked for. */
  #rows: Uint8Array;
  /** Runs still to come, and for each the ids that it brings: from the first to before the last. */
  readonly #pending = new Map<BlockRun, [first: number, end: number][]>();
  #resolve: () => void = () => {};
  #reject: (error: unknown) => void = () => {};

  constructor(table: TableInfo, batch: Uint32Array) {
    this.length = batch.length;
    this.rowBytes = table.rowBytes;
    this.width = table.encoding.width;
    this.#table = table;
    const { rowIds, places } = isAscending(batch) ? { rowIds: batch.slice(), places: undefined } : sortedRows(batch);
    this.#rowIds = rowIds;
    this.#places = places;
    this.#rows = new Uint8Array(Buffer.allocUnsafeSlow(rowIds.length * table.rowBytes).buffer);
  }

  /** Joins the runs that read already what is wanted, and starts others for the rest; returns how many it started. */
  start(context: RunContext, limits: RunLimits, priority: number): number {
    if (this.#rowIds.length === 0) return 0;
    this.loading = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { blockRows, runs, locations } = context;
    const rowIds = this.#rowIds;
    const fresh: BlockRun[] = [];
    let [firstBlock, lastBlock, partEnd] = [-1, -1, 0];
    let places: [number, number][] = [];
    const close = (): void => {
      if (firstBlock < 0) return;
      const run = new BlockRun(context, firstBlock, lastBlock + 1);
      this.#pending.set(run, places);
      fresh.push(run);
      firstBlock = -1;
      places = [];
    };
    for (let first = 0; first < rowIds.length; ) {
      const block = Math.floor((rowIds[first] as number) / blockRows); // first < length
      let end = first + 1;
      while (end < rowIds.length && (rowIds[end] as number) < (block + 1) * blockRows) end++;
      const known = runs.get(block);
      if (known !== undefined) {
        close();
        const waiting = this.#pending.get(known);
        if (waiting === undefined) {
          this.#pending.set(known, [[first, end]]);
          known.join(this, priority);
        } else waiting.push([first, end]);
      } else {
        const far = block - lastBlock - 1 > limits.maxGapBlocks || block - firstBlock >= limits.maxBlocks;
        // rows of one part come as one range, which needs no putting together
        if (firstBlock >= 0 && (far || Math.min((block + 1) * blockRows, locations.rows) > partEnd)) close();
        if (firstBlock < 0) {
          firstBlock = block;
          partEnd = locations.parts[locations.partOf(block * blockRows)]?.endRow ?? 0;
        }
        lastBlock = block;
        places.push([first, end]);
      }
      first = end;
    }
    close();
    for (const run of fresh) run.start(this, priority, this.#memoryFor(run));
    return fresh.length;
  }

  /** The memory that a run can be read into: all of its rows are wanted, and lie side by side. */
  #memoryFor(run: BlockRun): Uint8Array | undefined {
    const ranges = this.#pending.get(run) ?? [];
    const [first, end] = [ranges[0]?.[0] ?? 0, ranges.at(-1)?.[1] ?? 0];
    if (end - first !== run.endRow - run.firstRow) return undefined;
    return this.#rows.subarray(first * this.rowBytes, end * this.rowBytes);
  }

  rowsCame(run: BlockRun, rows: Uint8Array): void {
    const ranges = this.#pending.get(run);
    if (ranges === undefined) return; // zeros were given by then
    const { rowBytes } = this;
    const rowIds = this.#rowIds;
    const there = rows.buffer === this.#rows.buffer; // read into this memory
    for (const [first, end] of there ? [] : ranges) {
      for (let i = first; i < end; ) {
        let next = i + 1;
        while (next < end && rowIds[next] === (rowIds[next - 1] as number) + 1) next++; // next < length
        const at = ((rowIds[i] as number) - run.firstRow) * rowBytes;
        this.#rows.set(rows.subarray(at, at + (next - i) * rowBytes), i * rowBytes);
        i = next;
      }
    }
    this.#pending.delete(run);
    if (this.#pending.size === 0) this.#resolve();
  }

  runFailed(error: unknown): void {
    this.#reject(error);
    this.stop();
  }

  /** Ends what is still being read for this ticket alone. */
  stop(): void {
    for (const run of this.#pending.keys()) run.leave(this);
    this.#pending.clear();
  }

  /** Fails the reading: for a store that closes. */
  end(error: EngramError): void {
    this.runFailed(error);
  }

  free(): void {
    this.stop();
  }

  zeroMissing(): number {
    const missing = new Uint8Array(this.#rowIds.length);
    const rows = this.#rows.slice(); // a run that others wait for may go on writing into the old memory
    for (const ranges of this.#pending.values()) {
      for (const [first, end] of ranges) {
        missing.fill(1, first, end);
        rows.fill(0, first * this.rowBytes, end * this.rowBytes);
      }
    }
    this.#rows = rows;
    this.stop();
    let count = 0;
    for (let i = 0; i < this.length; i++) count += missing[this.#places?.[i] ?? i] as number; // places are indexes of ids
    return count;
  }

  gather(out: Uint8Array): void {
    this.#gather(0, this.length, out);
  }

  decode(out: Float32Array): void {
    const { width, rowBytes } = this;
    const rows = new Uint8Array(Math.min(DECODED_AT_ONCE, this.length) * rowBytes);
    for (let first = 0; first < this.length; first += DECODED_AT_ONCE) {
      const end = Math.min(first + DECODED_AT_ONCE, this.length);
      const some = rows.subarray(0, (end - first) * rowBytes);
      this.#gather(first, end, some);
      decodeRows(this.#table.encoding, some, out.subarray(first * width, end * width));
    }
  }

  #gather(first: number, end: number, out: Uint8Array): void {
    const { rowBytes } = this;
    const places = this.#places;
    if (places === undefined) {
      out.set(this.#rows.subarray(first * rowBytes, end * rowBytes));
      return;
    }
    for (let i = first; i < end; ) {
      const place = places[i] as number; // i < length
      let next = i + 1;
      while (next < end && places[next] === (places[next - 1] as number) + 1) next++;
      const at = place * rowBytes;
      out.set(this.#rows.subarray(at, at + (next - i) * rowBytes), (i - first) * rowBytes);
      i = next;
    }
  }
}

function isAscending(batch: Uint32Array): boolean {
  for (let i = 1; i < batch.length; i++) if ((batch[i] as number) <= (batch[i - 1] as number)) return false; // i < length
  return true;
}
