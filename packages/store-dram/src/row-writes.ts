// Rows overwritten in memory. They go into the caller's working space of each shard, a chunk at a time, and a kernel takes
// them to their places: it touches rows ahead, so that memory is waited for once and not for each row.

import type { GatherKernel } from "@engram-ts/core";
import type { GatherLane, LaneShard } from "./gather-lane.js";

/** What writes into each shard of a lane. */
export type ShardKernels = readonly { readonly kernel: Pick<GatherKernel, "scatter"> }[];

/**
 * Overwrites rows, in order: of a row that is named twice the last one stays.
 * @param rowIds of the table; the caller has checked them.
 * @param bytes `[rowIds.length, rowBytes]`.
 */
export function overwriteRows(
  { shards, rowsPerShard, rowBytes, chunkRows }: GatherLane,
  kernels: ShardKernels,
  rowIds: Uint32Array,
  bytes: Uint8Array,
): void {
  const counts = new Uint32Array(shards.length);
  for (let from = 0; from < rowIds.length; from += chunkRows) {
    const some = rowIds.subarray(from, from + chunkRows);
    const rows = bytes.subarray(from * rowBytes, (from + some.length) * rowBytes);
    if (shards.length === 1) {
      const only = shards[0] as LaneShard; // it is there
      only.ids.set(some);
      only.bytes.set(rows, only.collectedAt);
      counts[0] = some.length;
    } else {
      counts.fill(0);
      for (let i = 0; i < some.length; i++) {
        const row = some[i] as number; // i < length
        const shard = Math.floor(row / rowsPerShard);
        const { ids, bytes: memory, collectedAt } = shards[shard] as LaneShard; // row is of the table
        const at = counts[shard] as number; // as above
        counts[shard] = at + 1;
        ids[at] = row - shard * rowsPerShard;
        memory.set(rows.subarray(i * rowBytes, (i + 1) * rowBytes), collectedAt + at * rowBytes);
      }
    }
    shards.forEach(({ idsAt, rowsAt, collectedAt }, shard) => {
      kernels[shard]?.kernel.scatter(idsAt, counts[shard] as number, rowsAt, collectedAt); // one for each
    });
  }
}
