// The working space of one thread in each shard of a table, and the one step of a gather that spans shards. Every lane is
// its thread's own, so that threads need no locks. Not here: who owns the memory (row-memory.ts), and what a ticket
// copies out of it.

import type { GatherKernel } from "@engram-ts/core";

/** One thread's working space in one shard; the addresses are those of the arrays, in bytes. */
export interface LaneShard {
  /** The whole memory. */
  readonly bytes: Uint8Array;
  readonly kernel: Pick<GatherKernel, "gather">;
  /** Where the shard's first row lies. */
  readonly rowsAt: number;
  /** Row ids within the shard. */
  readonly ids: Uint32Array;
  readonly idsAt: number;
  /** For each row of the chunk, its place among the collected rows. */
  readonly order: Uint32Array;
  readonly orderAt: number;
  /** Rows collected from all shards, grouped by shard. */
  readonly collectedAt: number;
  /** Rows or values in the order asked for, ready to be copied out. */
  readonly stagedAt: number;
}

/** One thread's working space in all shards; the first shard's is where rows of several shards meet. */
export interface GatherLane {
  readonly shards: readonly LaneShard[];
  readonly rowsPerShard: number;
  readonly rowBytes: number;
  /** Most rows of one step. */
  readonly chunkRows: number;
}

/**
 * Collects rows `from` to `from + count` of `rowIds`, at most a chunk, in the first shard: grouped by shard, with
 * `order` saying where each is. Self-contained: a worker thread runs the text of this function.
 */
export function collectRows(lane: GatherLane, rowIds: Uint32Array, from: number, count: number): void {
  const { shards, rowsPerShard, rowBytes } = lane;
  const hub = shards[0] as LaneShard; // a table has at least one shard
  const ends = new Uint32Array(shards.length);
  // Row ids are below 2^32 and so is the divisor: the quotient of doubles rounds down to the exact one.
  const shardOf = (row: number) => Math.floor(row / rowsPerShard);
  for (let i = from; i < from + count; i++) {
    const shard = shardOf(rowIds[i] as number); // the caller gave at least from + count ids
    ends[shard] = (ends[shard] as number) + 1;
  }
  for (let shard = 0, end = 0; shard < ends.length; shard++) {
    const rows = ends[shard] as number;
    ends[shard] = end;
    end += rows;
  }
  for (let i = 0; i < count; i++) {
    const row = rowIds[from + i] as number; // as above
    const shard = shardOf(row);
    const place = ends[shard] as number;
    ends[shard] = place + 1;
    hub.order[i] = place;
    const ids = (shards[shard] as LaneShard).ids; // row < rows of the table, which the shards cover
    ids[place] = row - shard * rowsPerShard;
  }
  for (let shard = 0, start = 0; shard < ends.length; shard++) {
    const end = ends[shard] as number;
    const source = shards[shard] as LaneShard;
    const bytes = (end - start) * rowBytes;
    const to = hub.collectedAt + start * rowBytes;
    if (source === hub) hub.kernel.gather(source.idsAt + start * 4, end - start, source.rowsAt, to);
    else if (bytes > 0) {
      source.kernel.gather(source.idsAt + start * 4, end - start, source.rowsAt, source.stagedAt);
      hub.bytes.set(source.bytes.subarray(source.stagedAt, source.stagedAt + bytes), to);
    }
    start = end;
  }
}
