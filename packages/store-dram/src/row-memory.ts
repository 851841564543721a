// All rows of a table in memory, cut into shards where one WebAssembly memory (4 GiB) is too small, and the synchronous
// copying in and out. Not here: tickets, transactions, versions of rows, other threads' work.

import {
  EngramError,
  GATHER_SLACK_BYTES,
  type GatherKernel,
  type TableInfo,
  twinGatherKernel,
  wasmGatherKernel,
} from "@engram-ts/core";
import { collectRows, type GatherLane, type LaneShard } from "./gather-lane.js";
import { adviseHugePages, type HugePages } from "./huge-pages.js";
import { type OutputSpace, outputSpace } from "./output-space.js";
import { overwriteRows } from "./row-writes.js";

const PAGE_BYTES = 65_536;
const MEMORY_BYTES = 65_536 * PAGE_BYTES;
/** Bytes staged before they are copied out: they stay in the second-level cache. Benchmark `gather`, 64 to 512 KiB: flat. */
const STAGED_BYTES = 262_144;
const MAX_CHUNK_ROWS = 8_192;
/** Up to here a loop over ids is faster than a view and `set`. */
const SMALL_BATCH = 128;

/** How a table is put into memory. */
export interface RowMemoryOptions {
  readonly table: TableInfo;
  /** Most bytes of rows in one shard. */
  readonly shardBytes: number;
  readonly hugePages: boolean;
  /** Use WebAssembly where the platform has SIMD, and threads where there are workers. */
  readonly wasm: boolean;
  /** Threads that gather besides the caller's. With none the memory is a plain one, which is copied out of faster. */
  readonly workers: number;
}

/** Old contents of rows, for readers that began before the rows were overwritten. */
export interface OldRows {
  /** The row's bytes as they were, or undefined where the row has not been overwritten since. */
  find(row: number): Uint8Array | undefined;
}

/** Rows in memory. Row ids are the caller's to check. */
export interface RowMemory {
  readonly rowBytes: number;
  readonly kernelName: GatherKernel["name"];
  readonly hugePages: HugePages;
  /** Bytes of address space; pages never touched take no memory. */
  readonly bytes: number;
  /** The memories where threads share them; empty otherwise. */
  readonly memories: readonly WebAssembly.Memory[];
  /** The working space of each thread: the caller's first, then the workers'. Of now: an output may renew the caller's. */
  readonly lanes: readonly GatherLane[];
  /** Copies the rows of the first `length` ids to `out`, old contents where `old` has them. */
  gather(rowIds: Uint32Array, length: number, out: Uint8Array, old: OldRows | undefined): void;
  /** Decodes the rows of the first `length` ids to `out`, old contents where `old` has them. */
  decode(rowIds: Uint32Array, length: number, out: Float32Array, old: OldRows | undefined): void;
  /** Decodes rows that a worker has gathered. */
  decodeGathered(rows: Uint8Array, out: Float32Array): void;
  /** Whether all of the first `length` ids are rows of the table. */
  holdsRows(rowIds: Uint32Array, length: number): boolean;
  /** An output that gather and decode fill without a copy; a plain array where the first shard has no room left. */
  allocate(bytes: number): Uint8Array;
  /** The bytes of one row, in place. */
  row(row: number): Uint8Array;
  /** The bytes of rows from `row` on, in place: `rows` of them or as many as lie in one piece. */
  rowRun(row: number, rows: number): Uint8Array;
  /** Overwrites rows, in order: of a row that is named twice the last one stays. */
  write(rowIds: Uint32Array, bytes: Uint8Array): void;
}

/**
 * Reserves memory for all rows of a table; its rows are zero.
 * @throws EngramError `out-of-memory`, saying what is needed and what there is.
 */
export function rowMemory(options: RowMemoryOptions): RowMemory {
  const { table, shardBytes, workers } = options;
  const { rows, rowBytes } = table;
  const layout = laneLayout(table);
  const lanesBytes = layout.bytes * (1 + workers);
  const rowsPerShard = Math.floor(Math.min(shardBytes, MEMORY_BYTES - lanesBytes - GATHER_SLACK_BYTES) / rowBytes);
  const shardCount = Math.ceil(rows / rowsPerShard);
  const overhead = lanesBytes + GATHER_SLACK_BYTES + PAGE_BYTES;
  checkAvailable(rows * rowBytes + shardCount * overhead, table);

  const shards = Array.from({ length: shardCount }, (_, shard) => {
    const shardRows = Math.min(rowsPerShard, rows - shard * rowsPerShard);
    return openShard(options, lanesBytes + shardRows * rowBytes + GATHER_SLACK_BYTES, shard === 0);
  });
  const first = shards[0] as Shard; // rows is at least 1
  const makeLane = (lane: number): GatherLane => {
    const laneShards = shards.map((shard) => layout.shard(shard.bytes, shard.kernel, lane, lanesBytes));
    return { shards: laneShards, rowsPerShard, rowBytes, chunkRows: layout.chunkRows };
  };
  let lanes = Array.from({ length: 1 + workers }, (_, lane) => makeLane(lane));
  const outputs = outputSpace(first.memory, options.hugePages);
  const ownReader = reader(table, first.kernel, layout, outputs);
  ownReader.use(makeLane(0));
  const reservedBytes = shards.reduce((sum, { bytes }) => sum + bytes.length, 0);
  const rowRun = (row: number, count: number): Uint8Array => {
    const shard = Math.floor(row / rowsPerShard);
    const inShard = row - shard * rowsPerShard;
    const from = lanesBytes + inShard * rowBytes;
    const run = Math.min(count, rowsPerShard - inShard, rows - row);
    return (shards[shard] as Shard).bytes.subarray(from, from + run * rowBytes); // row < rows
  };
  return {
    rowBytes,
    kernelName: first.kernel.name,
    hugePages: first.hugePages,
    bytes: reservedBytes,
    memories: workers === 0 ? [] : shards.flatMap(({ memory }) => memory ?? []),
    get lanes() {
      return lanes;
    },
    ...ownReader,
    allocate(bytes) {
      const output = outputs.allocate(bytes);
      if (first.memory !== undefined && first.bytes.buffer !== first.memory.buffer) {
        // The memory has grown, and where it is plain its old buffer is gone with all views of it.
        first.bytes = new Uint8Array(first.memory.buffer);
        lanes = lanes.map((_, lane) => makeLane(lane));
        ownReader.use(lanes[0] as GatherLane); // there is one lane at least
      }
      return output;
    },
    row: (row) => rowRun(row, 1),
    rowRun,
    write(rowIds, bytes) {
      overwriteRows(lanes[0] as GatherLane, shards, rowIds, bytes); // there is one lane at least
    },
  };
}

/** The copying out, by the caller's own thread, in the lane that it is told to use. */
function reader(table: TableInfo, kernel: GatherKernel, layout: LaneLayout, outputs: OutputSpace) {
  const { rowBytes } = table;
  const { width } = table.encoding;
  let lane: GatherLane;
  let hub: LaneShard;
  let oneShard: boolean;
  let floats: Float32Array;
  // Decoding may write past its output, to the end of a step of eight values.
  const decodesExactly = width % 8 === 0 || table.encoding.kind === "f32";

  /** Brings a chunk of rows together as they were before later commits. */
  const collect = (rowIds: Uint32Array, from: number, count: number, old: OldRows | undefined): void => {
    collectRows(lane, rowIds, from, count);
    if (old === undefined) return;
    const { bytes, order, collectedAt } = hub;
    for (let i = 0; i < count; i++) {
      const row = old.find(rowIds[from + i] as number); // the caller gave from + count ids
      if (row !== undefined) bytes.set(row, collectedAt + (order[i] as number) * rowBytes); // i < chunkRows
    }
  };
  const setIds = (rowIds: Uint32Array, from: number, count: number): void => {
    const { ids } = hub;
    if (count > SMALL_BATCH) ids.set(rowIds.subarray(from, from + count));
    else for (let i = 0; i < count; i++) ids[i] = rowIds[from + i] as number; // the caller gave from + count ids
  };
  return {
    use(space: GatherLane): void {
      lane = space;
      hub = lane.shards[0] as LaneShard; // there is one shard at least
      oneShard = lane.shards.length === 1;
      floats = new Float32Array(hub.bytes.buffer, hub.stagedAt, layout.decodeRows * width);
    },
    holdsRows(rowIds: Uint32Array, length: number): boolean {
      const { chunkRows } = layout;
      for (let from = 0; from < length; from += chunkRows) {
        const count = Math.min(chunkRows, length - from);
        setIds(rowIds, from, count);
        if (kernel.greatestId(hub.idsAt, count) >= table.rows) return false;
      }
      return true;
    },
    gather(rowIds: Uint32Array, length: number, out: Uint8Array, old: OldRows | undefined): void {
      const { chunkRows } = layout;
      const { bytes, idsAt, orderAt, collectedAt, stagedAt, rowsAt } = hub;
      const direct = outputs.holds(out);
      for (let from = 0; from < length; from += chunkRows) {
        const count = Math.min(chunkRows, length - from);
        const place = out.byteOffset + from * rowBytes;
        // Copies out of shared memory go by words where both sides are aligned alike, and by bytes elsewhere.
        const to = direct ? place : stagedAt + (place & 7);
        if (oneShard && old === undefined) {
          setIds(rowIds, from, count);
          kernel.gather(idsAt, count, rowsAt, to);
        } else {
          collect(rowIds, from, count, old);
          kernel.gather(orderAt, count, collectedAt, to);
        }
        if (!direct) out.set(bytes.subarray(to, to + count * rowBytes), from * rowBytes);
      }
    },
    decode(rowIds: Uint32Array, length: number, out: Float32Array, old: OldRows | undefined): void {
      const { decodeRows } = layout;
      const { idsAt, orderAt, collectedAt, stagedAt, rowsAt } = hub;
      const direct = decodesExactly && outputs.holds(out);
      for (let from = 0; from < length; from += decodeRows) {
        const count = Math.min(decodeRows, length - from);
        const to = direct ? out.byteOffset + from * width * 4 : stagedAt;
        if (oneShard && old === undefined) {
          setIds(rowIds, from, count);
          kernel.decode(idsAt, count, rowsAt, to);
        } else {
          collect(rowIds, from, count, old);
          kernel.decode(orderAt, count, collectedAt, to);
        }
        if (!direct) out.set(count === decodeRows ? floats : floats.subarray(0, count * width), from * width);
      }
    },
    decodeGathered(rows: Uint8Array, out: Float32Array): void {
      const { decodeRows } = layout;
      const { bytes, order, orderAt, collectedAt, stagedAt } = hub;
      const length = rows.length / rowBytes;
      for (let from = 0; from < length; from += decodeRows) {
        const count = Math.min(decodeRows, length - from);
        for (let i = 0; i < count; i++) order[i] = i;
        bytes.set(rows.subarray(from * rowBytes, (from + count) * rowBytes), collectedAt);
        kernel.decode(orderAt, count, collectedAt, stagedAt);
        out.set(floats.subarray(0, count * width), from * width);
      }
    },
  };
}

interface LaneLayout {
  readonly chunkRows: number;
  readonly decodeRows: number;
  /** Bytes of one lane in each shard. */
  readonly bytes: number;
  shard(bytes: Uint8Array, kernel: GatherKernel, lane: number, rowsAt: number): LaneShard;
}

/** Where a lane's arrays lie: ids, order, collected rows, staged rows or values, each with room for the kernels' slack. */
function laneLayout({ rowBytes, encoding }: TableInfo): LaneLayout {
  const rowsIn = (bytes: number) => Math.max(1, Math.min(MAX_CHUNK_ROWS, Math.floor(STAGED_BYTES / bytes)));
  const chunkRows = rowsIn(rowBytes);
  const decodeRows = Math.min(chunkRows, rowsIn(encoding.width * 4));
  const aligned = (bytes: number) => Math.ceil(bytes / 64) * 64;
  const idBytes = aligned(chunkRows * 4);
  const collectedBytes = aligned(chunkRows * rowBytes + GATHER_SLACK_BYTES);
  const stagedBytes = aligned(Math.max(chunkRows * rowBytes + 8, decodeRows * encoding.width * 4) + GATHER_SLACK_BYTES);
  const bytes = 2 * idBytes + collectedBytes + stagedBytes;
  return {
    chunkRows,
    decodeRows,
    bytes,
    shard(memory, kernel, lane, rowsAt) {
      const idsAt = lane * bytes;
      const orderAt = idsAt + idBytes;
      const collectedAt = orderAt + idBytes;
      const ids = new Uint32Array(memory.buffer, idsAt, chunkRows);
      const order = new Uint32Array(memory.buffer, orderAt, chunkRows);
      const stagedAt = collectedAt + collectedBytes;
      return { bytes: memory, kernel, rowsAt, ids, idsAt, order, orderAt, collectedAt, stagedAt };
    },
  };
}

interface Shard {
  readonly memory: WebAssembly.Memory | undefined;
  /** All of the memory; renewed when it grows. */
  bytes: Uint8Array;
  readonly kernel: GatherKernel;
  readonly hugePages: HugePages;
}

/** @param growing whether outputs are to follow the rows. */
function openShard(options: RowMemoryOptions, bytes: number, growing: boolean): Shard {
  const { table, hugePages } = options;
  const { encoding } = table;
  const pages = Math.ceil(bytes / PAGE_BYTES);
  const advised = (view: Uint8Array): HugePages => (hugePages ? adviseHugePages(view) : "off: not asked for");
  try {
    const shared = options.workers > 0;
    if (options.wasm && typeof WebAssembly !== "undefined" && (!shared || typeof SharedArrayBuffer !== "undefined")) {
      const memory = openMemory(pages, growing ? MEMORY_BYTES / PAGE_BYTES : pages, shared);
      const kernel = wasmGatherKernel(memory, encoding);
      const view = new Uint8Array(memory.buffer);
      if (kernel !== undefined) return { memory, bytes: view, kernel, hugePages: advised(view) };
    }
    const view = new Uint8Array(pages * PAGE_BYTES);
    const kernel = twinGatherKernel(view.buffer, encoding);
    return { memory: undefined, bytes: view, kernel, hugePages: "off: no WebAssembly memory" };
  } catch (cause) {
    throw outOfMemory(table, bytes, availableBytes(), cause);
  }
}

/** The maximum takes address space alone, which some platforms are short of; without it there are no outputs. */
function openMemory(pages: number, maximum: number, shared: boolean): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: pages, maximum, shared });
  } catch (error) {
    if (maximum === pages) throw error;
    return openMemory(pages, pages, shared);
  }
}

/** Linux grants memory that it lacks and ends the process when it is touched, so what is there is asked first. */
function checkAvailable(bytes: number, table: TableInfo): void {
  const available = availableBytes();
  if (available !== undefined && bytes > available) throw outOfMemory(table, bytes, available, undefined);
}

function availableBytes(): number | undefined {
  return globalThis.process?.availableMemory?.();
}

function outOfMemory(table: TableInfo, needed: number, available: number | undefined, cause: unknown): EngramError {
  const there = available === undefined ? "the platform refused them" : `${available} are available`;
  return new EngramError({
    code: "out-of-memory",
    operation: "dramStore",
    message: `${table.rows} rows of ${table.rowBytes} bytes need ${needed} bytes of memory, and ${there}; free memory, take a machine with more, or keep this table in a file or LMDB store`,
    context: { neededBytes: needed, availableBytes: available, rows: table.rows, rowBytes: table.rowBytes },
    cause,
  });
}
