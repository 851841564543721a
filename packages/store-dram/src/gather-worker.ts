// What a worker thread runs: it gathers ranges of batches from the shared memories into shared results. Self-contained,
// as its text is what the thread is started with (gather-workers.ts), so that it runs from any build and bundle alike.

import type { collectRows, GatherLane, LaneShard } from "./gather-lane.js";

/** What a thread is started with: its lane, without kernels, which cannot be sent. */
export interface GatherWorkerData {
  readonly module: WebAssembly.Module;
  /** The module's export for rows of this size. */
  readonly copy: string;
  readonly memories: readonly WebAssembly.Memory[];
  readonly shards: readonly Omit<LaneShard, "kernel">[];
  readonly rowsPerShard: number;
  readonly rowBytes: number;
  readonly chunkRows: number;
}

/** Rows `from` to `to` of a batch. All arrays are shared. */
export interface GatherRange {
  readonly job: number;
  readonly rowIds: Uint32Array;
  readonly from: number;
  readonly to: number;
  /** The rows of the whole batch. */
  readonly rows: Uint8Array;
  /** Not 0 once nobody waits for the batch. */
  readonly cancelled: Int32Array;
}

interface Port {
  on(event: "message", listener: (range: GatherRange) => void): void;
  postMessage(job: number): void;
}

/** Serves ranges until the thread is ended; answers each with its job's number. */
export function gatherWorker(port: Port, data: GatherWorkerData, collect: typeof collectRows): void {
  const { rowBytes, chunkRows, rowsPerShard } = data;
  const shards = data.shards.map((shard, i): LaneShard => {
    // the memories are those of the shards, and the module is our own
    const imports = { env: { memory: data.memories[i] as WebAssembly.Memory } };
    const copy = new WebAssembly.Instance(data.module, imports).exports[data.copy] as (...places: number[]) => void;
    return { ...shard, kernel: { gather: (ids, count, rows, out) => copy(ids, count, rows, rowBytes, out) } };
  });
  const lane: GatherLane = { shards, rowBytes, chunkRows, rowsPerShard };
  const hub = shards[0] as LaneShard; // a table has at least one shard
  port.on("message", ({ job, rowIds, from, to, rows, cancelled }) => {
    for (let at = from; at < to && Atomics.load(cancelled, 0) === 0; at += chunkRows) {
      const count = Math.min(chunkRows, to - at);
      if (shards.length === 1) {
        hub.ids.set(rowIds.subarray(at, at + count));
        hub.kernel.gather(hub.idsAt, count, hub.rowsAt, hub.stagedAt);
      } else {
        collect(lane, rowIds, at, count);
        hub.kernel.gather(hub.orderAt, count, hub.collectedAt, hub.stagedAt);
      }
      rows.set(hub.bytes.subarray(hub.stagedAt, hub.stagedAt + count * rowBytes), at * rowBytes);
    }
    port.postMessage(job);
  });
}
