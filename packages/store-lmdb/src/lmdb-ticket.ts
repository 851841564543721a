// What a ticket of lmdbStore reads: rows out of the mapped file at the snapshot of its making, once those that were not
// in memory have been read on other threads.

import { decodeRows, type TableInfo, type TicketSource } from "@engram-ts/core";
import type { Snapshot } from "./lmdb-snapshot.js";
import type { MappedBlocks } from "./mapped-blocks.js";
import type { Residency } from "./residency.js";
import type { RowPatches } from "./row-patches.js";
import type { WarmJob } from "./warm-reads.js";

/** What the tickets of one store share. */
export interface TicketScope {
  readonly table: TableInfo;
  readonly blocks: MappedBlocks;
  readonly patches: RowPatches;
  readonly residency: Residency;
  /** Once true, the map may be gone. */
  closed: boolean;
}

const DECODE_ROWS = 1024;
let scratch = new Uint8Array(0);

/** Rows read when they are gathered. A class, as one is made for each ticket. */
export class MappedRows implements TicketSource {
  readonly length: number;
  readonly rowBytes: number;
  readonly width: number;
  readonly loading?: Promise<void>;
  readonly #scope: TicketScope;
  readonly #rowIds: Uint32Array;
  readonly #job: WarmJob | undefined;
  #snapshot: Snapshot | undefined;
  #zeroed: Uint8Array | undefined;

  /** @param snapshot held once for the ticket. */
  constructor(scope: TicketScope, rowIds: Uint32Array, snapshot: Snapshot, job: WarmJob | undefined) {
    this.length = rowIds.length;
    this.rowBytes = scope.table.rowBytes;
    this.width = scope.table.encoding.width;
    this.#scope = scope;
    this.#rowIds = rowIds;
    this.#snapshot = snapshot;
    this.#job = job;
    if (job !== undefined) this.loading = job.done;
  }

  gather(out: Uint8Array): void {
    this.#gather(0, this.length, out);
  }

  decode(out: Float32Array): void {
    const { encoding } = this.#scope.table;
    const most = Math.min(this.length, DECODE_ROWS);
    if (scratch.length < most * this.rowBytes) scratch = new Uint8Array(most * this.rowBytes);
    for (let first = 0; first < this.length; first += most) {
      const count = Math.min(most, this.length - first);
      const rows = scratch.subarray(0, count * this.rowBytes);
      this.#gather(first, count, rows);
      decodeRows(encoding, rows, out.subarray(first * this.width, (first + count) * this.width));
    }
  }

  zeroMissing(): number {
    const { blocks, residency } = this.#scope;
    const zeroed = new Uint8Array(this.length);
    let missing = 0;
    for (let i = 0; i < this.length; i++) {
      const row = this.#rowIds[i] as number; // i < length
      const block = Math.floor(row / blocks.blockRows);
      const from = (row - block * blocks.blockRows) * this.rowBytes;
      const last = residency.pageOf(block, from + this.rowBytes - 1);
      let page = residency.pageOf(block, from);
      while (page <= last && residency.has(block, page)) page++;
      if (page > last) continue;
      zeroed[i] = 1;
      missing++;
    }
    this.#job?.cancel();
    this.#zeroed = zeroed;
    return missing;
  }

  free(): void {
    this.#job?.cancel();
    this.#snapshot?.release();
    this.#snapshot = undefined;
  }

  #gather(first: number, count: number, out: Uint8Array): void {
    const { blocks, patches, residency, closed } = this.#scope;
    const snapshot = this.#snapshot;
    if (closed || snapshot === undefined) return; // the ticket has failed by then
    if (this.#zeroed !== undefined) {
      this.#gatherFound(this.#zeroed, snapshot, first, count, out);
      return;
    }
    const start = performance.now();
    blocks.gather(this.#rowIds, first, count, out);
    residency.gathered(count, (performance.now() - start) * 1_000);
    patches.apply(snapshot, this.#rowIds, first, count, out);
  }

  /** Row by row, leaving out those that had not come. */
  #gatherFound(zeroed: Uint8Array, snapshot: Snapshot, first: number, count: number, out: Uint8Array): void {
    const { blocks, patches } = this.#scope;
    for (let i = 0; i < count; i++) {
      const row = out.subarray(i * this.rowBytes, (i + 1) * this.rowBytes);
      if (zeroed[first + i] === 1) {
        row.fill(0);
        continue;
      }
      blocks.gather(this.#rowIds, first + i, 1, row);
      patches.apply(snapshot, this.#rowIds, first + i, 1, row);
    }
  }
}
