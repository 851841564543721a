// Threads that gather large batches while the caller computes on. Node only. Threads start with the first batch, keep the
// process alive only while they work, and are started again after one has died, which fails the batches it worked on.

import type { Worker } from "node:worker_threads";
import { EngramError, wasmGatherExport, wasmGatherModule } from "@engram-ts/core";
import { collectRows } from "./gather-lane.js";
import { type GatherRange, type GatherWorkerData, gatherWorker } from "./gather-worker.js";
import type { RowMemory } from "./row-memory.js";

/** A batch being gathered. */
export interface GatherJob {
  /** Resolves when `rows` is complete; rejects with `io` where a thread died. */
  readonly done: Promise<void>;
  /** The batch's own copy of its ids. */
  readonly rowIds: Uint32Array;
  /** The encoded rows, `[length, rowBytes]`. */
  readonly rows: Uint8Array;
  /** Gives the arrays back; ends the gathering where it goes on. */
  end(): void;
}

/** A pool of threads over the memories of one table. */
export interface GatherWorkers {
  /** Starts to gather a batch of at least one row; the ids are copied. */
  start(rowIds: Uint32Array): GatherJob;
  /** Ends all threads. Batches under way stay undone. */
  close(): Promise<void>;
}

const HEADER_BYTES = 64;
const SPARE_BUFFERS = 2;

interface Thread {
  readonly worker: Worker;
  /** Jobs with a range on this thread. */
  readonly jobs: Set<number>;
}

interface Pending {
  ranges: number;
  resolve(): void;
  reject(error: EngramError): void;
}

/** Where the threads work. */
export interface GatherWorkersOptions {
  /** Number of threads; thread `i` works in lane `i + 1`. */
  readonly count: number;
  /** The table's memory, undefined once it is closed: the pool keeps no hold of it. */
  memory(): RowMemory | undefined;
}

/**
 * A pool of threads.
 * @throws EngramError `unsupported` where the platform has no worker threads, or the rows are not in shared memory.
 */
export function gatherWorkers({ count, memory }: GatherWorkersOptions): GatherWorkers {
  const threads = globalThis.process?.getBuiltinModule?.("node:worker_threads");
  const rowBytes = memory()?.rowBytes ?? 0;
  if (threads === undefined || (memory()?.memories.length ?? 0) === 0) {
    throw new EngramError({
      code: "unsupported",
      operation: "dramStore",
      message: "options.workers needs Node's worker threads and WebAssembly with SIMD and threads; leave it out here",
    });
  }
  const running: (Thread | undefined)[] = Array.from({ length: count }, () => undefined);
  const pending = new Map<number, Pending>();
  const spare: SharedArrayBuffer[] = [];
  let jobs = 0;
  let closed = false;

  const finish = (thread: Thread, job: number): void => {
    thread.jobs.delete(job);
    if (thread.jobs.size === 0) thread.worker.unref();
  };
  const rangeDone = (thread: Thread, job: number): void => {
    finish(thread, job);
    const batch = pending.get(job);
    if (batch === undefined || --batch.ranges > 0) return;
    pending.delete(job);
    batch.resolve();
  };
  const died = (thread: Thread, index: number, cause: unknown): void => {
    if (running[index] !== thread) return;
    running[index] = undefined;
    for (const job of thread.jobs) {
      pending.get(job)?.reject(threadDied(cause));
      pending.delete(job);
    }
  };
  const thread = (index: number): Thread => {
    const there = running[index];
    if (there !== undefined) return there;
    const workerData = threadData(memory(), index + 1);
    const worker = new threads.Worker(workerText(), { eval: true, workerData, execArgv: [], name: "engram-gather" });
    const started: Thread = { worker, jobs: new Set() };
    running[index] = started;
    worker.on("message", (job: number) => rangeDone(started, job));
    worker.on("error", (error) => died(started, index, error));
    worker.on("exit", (code) => died(started, index, new Error(`the thread ended with code ${code}`)));
    return started;
  };
  const takeBuffer = (bytes: number): SharedArrayBuffer => {
    const index = spare.findIndex(({ byteLength }) => byteLength >= bytes && byteLength <= 4 * bytes);
    const [buffer] = index < 0 ? [] : spare.splice(index, 1);
    return buffer ?? new SharedArrayBuffer(bytes);
  };

  return {
    start(rowIds) {
      const { length } = rowIds;
      const buffer = takeBuffer(HEADER_BYTES + length * (4 + rowBytes));
      const cancelled = new Int32Array(buffer, 0, 1);
      cancelled[0] = 0;
      const ids = new Uint32Array(buffer, HEADER_BYTES, length);
      ids.set(rowIds);
      const rows = new Uint8Array(buffer, HEADER_BYTES + length * 4, length * rowBytes);
      const job = ++jobs;
      const share = Math.ceil(length / count);
      let complete = false;
      const done = new Promise<void>((onComplete, reject) => {
        const resolve = () => {
          complete = true;
          onComplete();
        };
        pending.set(job, { ranges: Math.ceil(length / share), resolve, reject });
      });
      done.catch(() => {}); // told to whoever waits; nobody may
      for (let from = 0, index = 0; from < length; from += share, index++) {
        const to = Math.min(length, from + share);
        const range: GatherRange = { job, rowIds: ids, from, to, rows, cancelled };
        const { worker, jobs: own } = thread(index);
        own.add(job);
        worker.ref();
        worker.postMessage(range);
      }
      return {
        done,
        rowIds: ids,
        rows,
        end() {
          // A buffer that a thread may still write to is left to the garbage collector.
          if (!complete) Atomics.store(cancelled, 0, 1);
          else if (!closed && spare.length < SPARE_BUFFERS) spare.push(buffer);
        },
      };
    },
    async close() {
      closed = true;
      spare.length = 0;
      const ending = running.map((there) => there?.worker.terminate());
      running.fill(undefined);
      pending.clear();
      await Promise.all(ending);
    },
  };
}

function threadData(memory: RowMemory | undefined, lane: number): GatherWorkerData | undefined {
  const space = memory?.lanes[lane];
  if (memory === undefined || space === undefined) return undefined; // closed: no thread is started then
  const { rowsPerShard, rowBytes, chunkRows } = space;
  const shards = space.shards.map(({ kernel: _, ...shard }) => shard);
  const program = { module: wasmGatherModule(), copy: wasmGatherExport(rowBytes) };
  return { ...program, memories: memory.memories, shards, rowsPerShard, rowBytes, chunkRows };
}

/** The thread's program. Some bundlers wrap named functions in `__name`, which is not there in the thread. */
function workerText(): string {
  return `"use strict";
const { parentPort, workerData } = require("node:worker_threads");
const __name = (named) => named;
(${gatherWorker.toString()})(parentPort, workerData, ${collectRows.toString()});`;
}

function threadDied(cause: unknown): EngramError {
  return new EngramError({
    code: "io",
    operation: "store.prefetch",
    message: `a gathering thread died: ${cause instanceof Error ? cause.message : String(cause)}; prefetch again`,
    retry: "later",
    cause,
  });
}
