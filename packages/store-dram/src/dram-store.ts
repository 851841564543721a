// Rows in memory: the fastest tier, and what every other tier is measured against. A ticket is ready at once, and gather
// copies straight from the table. Not durable, and not shared with other processes.

import {
  checkPrefetchOptions,
  checkRowIdBatch,
  EngramError,
  rowOutOfRange,
  type StagedPut,
  type StoreCapabilities,
  StoreTicket,
  stagedTransactions,
  storeClosed,
  storeCounters,
  type WritableRowStore,
} from "@engram-ts/core";
import {
  type CheckedDramOptions,
  checkDramOptions,
  type DramStoreOptions,
  type OpenDramStoreOptions,
} from "./dram-options.js";
import { ResidentRows, type TicketScope, workerRows } from "./dram-ticket.js";
import { type GatherWorkers, gatherWorkers } from "./gather-workers.js";
import { rowIdBuffers } from "./row-id-buffers.js";
import { type RowMemory, rowMemory } from "./row-memory.js";
import { currentVersion, endVersion } from "./row-versions.js";

/** How a store came to lie in memory, for people and benchmarks. */
export interface DramDiagnostics {
  /** The kernel in use. */
  readonly kernel: "wasm" | "typescript";
  /** `"advised"`, or `off:` and why. */
  readonly hugePages: string;
  /** Memories that the rows are spread over. */
  readonly shards: number;
  /** Bytes of address space reserved; pages never touched take no memory. */
  readonly reservedBytes: number;
}

/** A table in memory. */
export interface DramStore extends WritableRowStore {
  readonly diagnostics: DramDiagnostics;
  /**
   * Zero bytes to gather and decode to again and again: tickets of this store write to them, and to views of them,
   * without a copy between (1.2 to 1.4 times as fast for large batches). They take memory until the store is closed and
   * they are dropped; a few large ones are meant, not one for each batch. Post a copy of one to another thread, since the
   * buffer behind it is the memory of all rows.
   * @param bytes the length, 0 to 2^32 - 1; `new Float32Array(output.buffer, output.byteOffset, n)` views it as values.
   * @throws EngramError `invalid-argument`, `store-closed`, `out-of-memory`.
   */
  allocate(bytes: number): Uint8Array;
}

const TIER = "dram";
/** Rows of one call of `initialize`: at most this many bytes. */
const RUN_BYTES = 2 ** 24;

/**
 * Opens a table in memory.
 * @throws EngramError `invalid-argument`; `out-of-memory`, saying what is needed and what there is; `unsupported` where
 * `workers` are asked for and the platform has none.
 * @example
 * const store = dramStore({ table: tableInfo({ rows: 1000, encoding: { kind: "bf16", width: 64 } }) });
 */
export function dramStore(options: DramStoreOptions): DramStore {
  const { store, memory } = create(checkDramOptions(options));
  for (const [firstRow, rows] of runs(store, memory)) {
    const result: unknown = options.initialize?.(firstRow, rows);
    if (result instanceof Promise) {
      throw new EngramError({
        code: "invalid-argument",
        operation: "dramStore",
        message: "options.initialize returned a promise, and dramStore does not wait; use await openDramStore(options)",
      });
    }
  }
  return store;
}

/**
 * Opens a table in memory whose first contents are waited for.
 * @throws EngramError as {@link dramStore}, and what `initialize` throws.
 */
export async function openDramStore(options: OpenDramStoreOptions): Promise<DramStore> {
  const { store, memory } = create(checkDramOptions(options));
  if (options.initialize === undefined) return store;
  for (const [firstRow, rows] of runs(store, memory)) await options.initialize(firstRow, rows);
  return store;
}

/** All rows, in order, in runs that lie in one piece. */
function* runs({ table }: DramStore, memory: RowMemory): Generator<[firstRow: number, rows: Uint8Array]> {
  const most = Math.max(1, Math.floor(RUN_BYTES / table.rowBytes));
  for (let row = 0; row < table.rows; ) {
    const run = memory.rowRun(row, most);
    yield [row, run];
    row += run.length / table.rowBytes;
  }
}

function create(options: CheckedDramOptions): { store: DramStore; memory: RowMemory } {
  const { table, maxBatch, workerBatch } = options;
  const { rowBytes, encoding } = table;
  const memory = rowMemory(options);
  const buffers = rowIdBuffers();
  const scope: TicketScope = { rowBytes, width: encoding.width, buffers, memory };
  // Where every batch goes to the threads, no ticket is settled at once.
  const resident = options.workers === 0 || workerBatch > 1;
  const capabilities: StoreCapabilities = { maxBatch, resident, writable: true, durable: false };
  const diagnostics: DramDiagnostics = {
    kernel: memory.kernelName,
    hugePages: memory.hugePages,
    shards: memory.lanes[0]?.shards.length ?? 0,
    reservedBytes: memory.bytes,
  };
  const counters = storeCounters([TIER]);
  const tickets = new Set<StoreTicket>();
  const onRelease = (ticket: StoreTicket): void => {
    tickets.delete(ticket);
  };
  const workers: GatherWorkers | undefined =
    options.workers === 0 ? undefined : gatherWorkers({ count: options.workers, memory: () => scope.memory });
  let version = currentVersion();
  let closing: Promise<void> | undefined;

  const apply = (puts: readonly StagedPut[]): void => {
    const rows = scope.memory; // not the variable above, which would hold the memory of a closed store
    if (rows === undefined) return;
    if (tickets.size > 0 && puts.length > 0) {
      const overwritten = new Map<number, Uint8Array>();
      for (const { rowIds } of puts) {
        for (const row of rowIds) if (!overwritten.has(row)) overwritten.set(row, rows.row(row).slice());
      }
      version = endVersion(version, overwritten);
    }
    for (const { rowIds, rows: bytes } of puts) rows.write(rowIds, bytes);
  };
  const begin = stagedTransactions({
    table,
    maxBatch,
    checkOpen(operation) {
      if (closing !== undefined) throw storeClosed(operation);
    },
    apply,
  });

  const close = async (): Promise<void> => {
    const error = storeClosed("ticket.gather");
    for (const ticket of tickets) ticket.fail(error);
    scope.memory = undefined;
    await workers?.close();
  };

  const store: DramStore = {
    table,
    capabilities,
    diagnostics,
    prefetch(rowIds, prefetchOptions) {
      if (closing !== undefined) throw storeClosed("store.prefetch");
      checkRowIdBatch(rowIds, maxBatch, "store.prefetch");
      if (prefetchOptions !== undefined) checkPrefetchOptions(prefetchOptions, "store.prefetch");
      const { length } = rowIds;
      const ids = buffers.take(length);
      // What is checked is the copy: the caller's array may be shared with threads that write to it.
      if (!copyRowIds(rowIds, ids, table.rows, scope.memory)) {
        buffers.giveBack(ids);
        throw rowOutOfRange(rowIds, table.rows, "store.prefetch");
      }
      counters.hit(TIER, length);
      const onWorkers = workers !== undefined && length >= workerBatch && prefetchOptions?.signal?.aborted !== true;
      let source: ResidentRows | ReturnType<typeof workerRows>;
      if (onWorkers) {
        source = workerRows(scope, workers.start(ids.subarray(0, length)), version);
        buffers.giveBack(ids);
      } else source = new ResidentRows(scope, ids, length, version);
      const ticket = new StoreTicket(source, counters, prefetchOptions, onRelease);
      tickets.add(ticket);
      return ticket;
    },
    begin,
    allocate(bytes) {
      if (scope.memory === undefined) throw storeClosed("store.allocate");
      return allocateOutput(scope.memory, bytes);
    },
    stats: () => counters.snapshot(),
    close() {
      closing ??= close();
      return closing;
    },
    [Symbol.asyncDispose]: () => store.close(),
  };
  return { store, memory };
}

function allocateOutput(memory: RowMemory, bytes: number): Uint8Array {
  const operation = "store.allocate";
  if (!Number.isInteger(bytes) || bytes < 0 || bytes >= 2 ** 32) {
    const message = `bytes is ${String(bytes)}; use a whole number from 0 to ${2 ** 32 - 1}`;
    throw new EngramError({ code: "invalid-argument", operation, message });
  }
  try {
    return memory.allocate(bytes);
  } catch (cause) {
    const message = `the platform refused ${bytes} bytes; use a smaller output, or free memory`;
    throw new EngramError({ code: "out-of-memory", operation, message, context: { neededBytes: bytes }, cause });
  }
}

/** Up to here a loop over ids is faster than copying and checking them apart. */
const SMALL_BATCH = 128;

/** Copies ids; whether all are below `rows`. */
function copyRowIds(rowIds: Uint32Array, to: Uint32Array, rows: number, memory: RowMemory | undefined): boolean {
  if (rowIds.length > SMALL_BATCH && memory !== undefined) {
    to.set(rowIds);
    return memory.holdsRows(to, rowIds.length);
  }
  for (let i = 0; i < rowIds.length; i++) {
    const row = rowIds[i] as number; // i < length
    if (row >= rows) return false;
    to[i] = row;
  }
  return true;
}
