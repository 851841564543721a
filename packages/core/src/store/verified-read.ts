// The reading of one ticket whose rows lie in blocks that have not been verified: whole blocks are read through the store
// inside, digested, compared, and only then are the rows asked for copied out of them.

import { EngramError } from "../errors.js";
import { type BatchRows, batchRows, NOT_HERE } from "./batch-rows.js";
import type { PrefetchOptions, RowStore, Ticket } from "./row-store.js";
import type { TicketSource } from "./ticket.js";
import { DIGEST_BYTES, type RowDigests, sha256 } from "./verified-digests.js";

/** What the readings of one verified store share. */
export interface VerifyContext extends RowDigests {
  readonly store: RowStore;
  /** Most bytes of blocks in memory for one reading. */
  readonly chunkBytes: number;
  /** A block's digest was right. */
  verified(block: number): void;
}

/** The source behind a ticket; reading begins with it. */
export class VerifiedRows implements TicketSource {
  readonly length: number;
  readonly rowBytes: number;
  readonly width: number;
  readonly loading: Promise<void>;
  readonly #context: VerifyContext;
  readonly #options: PrefetchOptions;
  readonly #batch: BatchRows;
  #ticket: Ticket | undefined;
  #freed = false;

  /** @param blocks those to be verified; rows of others are taken as they come. */
  constructor(context: VerifyContext, rowIds: Uint32Array, blocks: ReadonlySet<number>, options: PrefetchOptions) {
    const { table } = context.store;
    this.length = rowIds.length;
    this.rowBytes = table.rowBytes;
    this.width = table.encoding.width;
    this.#context = context;
    this.#options = options;
    this.#batch = batchRows(table, rowIds);
    this.loading = this.#read(blocks);
  }

  gather(out: Uint8Array): void {
    this.#batch.gather(out);
  }

  decode(out: Float32Array): void {
    this.#batch.decode(out);
  }

  zeroMissing(): number {
    return this.#batch.zeroMissing();
  }

  free(): void {
    this.#freed = true;
    this.#ticket?.release();
    this.#ticket = undefined;
  }

  async #read(blocks: ReadonlySet<number>): Promise<void> {
    const { blockRows, chunkBytes, store } = this.#context;
    const { maxBatch } = store.capabilities;
    const places = this.#placesByBlock();
    const chunkBlocks = Math.max(1, Math.floor(Math.min(chunkBytes / this.rowBytes, maxBatch) / blockRows));
    const order = [...blocks];
    for (let first = 0; first < order.length && !this.#freed; first += chunkBlocks) {
      await this.#readBlocks(order.slice(first, first + chunkBlocks), places);
    }
    const { rowIds, from } = this.#batch;
    const rest = Uint32Array.from(rowIds.keys()).filter((place) => from[place] === NOT_HERE);
    if (rest.length === 0 || this.#freed) return;
    const rows = await this.#rows(rest.map((place) => rowIds[place] as number)); // a place of rowIds
    rest.forEach((place, i) => {
      this.#batch.take(place, rows.subarray(i * this.rowBytes, (i + 1) * this.rowBytes), 0);
    });
  }

  #placesByBlock(): Map<number, number[]> {
    const places = new Map<number, number[]>();
    this.#batch.rowIds.forEach((row, place) => {
      const block = Math.floor(row / this.#context.blockRows);
      const known = places.get(block);
      if (known === undefined) places.set(block, [place]);
      else known.push(place);
    });
    return places;
  }

  /** Reads and verifies blocks; all their digests are computed at once. */
  async #readBlocks(blocks: readonly number[], places: ReadonlyMap<number, readonly number[]>): Promise<void> {
    const { blockRows, store } = this.#context;
    const { rowBytes } = this;
    const sizes = blocks.map((block) => Math.min(blockRows, store.table.rows - block * blockRows));
    const ids = new Uint32Array(sizes.reduce((sum, size) => sum + size, 0));
    let next = 0;
    blocks.forEach((block, i) => {
      for (let row = 0; row < (sizes[i] as number); row++) ids[next++] = block * blockRows + row; // one size a block
    });
    const rows = await this.#rows(ids);
    let start = 0;
    await Promise.all(
      blocks.map(async (block, i) => {
        const end = start + (sizes[i] as number) * rowBytes; // one size a block
        const bytes = rows.subarray(start, end);
        start = end;
        await this.#verify(block, bytes);
        for (const place of places.get(block) ?? []) {
          const at = ((this.#batch.rowIds[place] as number) - block * blockRows) * rowBytes; // a place of rowIds
          this.#batch.take(place, bytes.subarray(at, at + rowBytes), 0);
        }
      }),
    );
  }

  async #rows(rowIds: Uint32Array): Promise<Uint8Array<ArrayBuffer>> {
    const ticket = this.#context.store.prefetch(rowIds, this.#options);
    this.#ticket = ticket;
    await ticket.ready;
    const rows = new Uint8Array(rowIds.length * this.rowBytes);
    ticket.gather(rows);
    ticket.release();
    return rows;
  }

  async #verify(block: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const { digests, blockRows } = this.#context;
    const digest = await sha256(bytes);
    for (let i = 0; i < DIGEST_BYTES; i++) {
      if (digest[i] === digests[block * DIGEST_BYTES + i]) continue;
      const firstRow = block * blockRows;
      const lastRow = firstRow + bytes.length / this.rowBytes - 1;
      throw new EngramError({
        code: "digest-mismatch",
        operation: "store.prefetch",
        message: `rows ${firstRow} to ${lastRow} (block ${block}) are not those that were digested; another reading may be right where a transfer was damaged, else copy or import the table again`,
        retry: "later",
        context: { block, firstRow, lastRow },
      });
    }
    this.#context.verified(block);
  }
}
