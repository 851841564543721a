// Reads that bring pages into the page cache, on libuv's threads: what is read is dropped; the rows are then
// copied out of the map. As many reads are under way as there are threads, and twice that in the queue; more threads
// (UV_THREADPOOL_SIZE, before the process starts) read a cold disk faster.

import { read } from "node:fs";
import type { EngramError } from "@engram-ts/core";
import { lmdbFault } from "./lmdb-fault.js";
import { MAX_RUN_BYTES } from "./page-runs.js";

/** Pages for one ticket that are being read. */
export interface WarmJob {
  /** Resolves when all are in memory; rejects with what reading failed with. */
  readonly done: Promise<void>;
  /** Starts no more reads. */
  cancel(): void;
}

/** What one job reads. */
export interface WarmRequest {
  /** Places in the data file, in any order. */
  readonly offsets: readonly number[];
  /** Bytes to read at each; the system brings whole pages. */
  readonly lengths: readonly number[];
  /** Jobs of higher priority go first. */
  readonly priority: number;
  /** Told of each place that has been read. */
  onRead(index: number): void;
}

/** The reads of one store. */
export interface WarmReads {
  start(request: WarmRequest): WarmJob;
  /** Resolves when no read is under way any more. */
  idle(): Promise<void>;
}

interface Job extends WarmRequest {
  next: number;
  left: number;
  cancelled: boolean;
  resolve(): void;
  reject(error: EngramError): void;
}

const THREADS = Number(process.env.UV_THREADPOOL_SIZE ?? 4) || 4;

/** @param file the data file. */
export function warmReads(file: number, path: string): WarmReads {
  const jobs: Job[] = [];
  const limit = 3 * THREADS;
  let underWay = 0;
  const scratch = Buffer.alloc(MAX_RUN_BYTES); // all reads share it: nobody looks at it
  let onIdle: (() => void)[] = [];

  const pump = (): void => {
    while (underWay < limit) {
      const job = jobs[0];
      if (job === undefined) break;
      if (job.cancelled || job.next === job.offsets.length) {
        jobs.shift();
        continue;
      }
      readOne(job, job.next++);
    }
    if (underWay === 0 && jobs.length === 0) {
      for (const tell of onIdle) tell();
      onIdle = [];
    }
  };

  const readOne = (job: Job, index: number): void => {
    underWay++;
    const length = job.lengths[index] as number; // one for each offset
    read(file, scratch, 0, length, job.offsets[index] as number, (error, bytes) => {
      underWay--;
      if (error !== null || bytes < length) {
        job.cancelled = true;
        job.reject(
          lmdbFault(
            error ??
              Object.assign(new Error(`${bytes} of ${length} bytes at ${job.offsets[index]}`), { code: "-30796" }),
            "store.prefetch",
            path,
          ),
        );
      } else {
        job.onRead(index);
        job.left--;
        if (job.left === 0) job.resolve();
      }
      pump();
    });
  };

  return {
    start(request) {
      let resolve: () => void = () => {};
      let reject: (error: EngramError) => void = () => {};
      const done = new Promise<void>((onResolve, onReject) => {
        resolve = onResolve;
        reject = onReject;
      });
      const { offsets, lengths, priority, onRead } = request;
      const job: Job = {
        offsets,
        lengths,
        priority,
        onRead,
        next: 0,
        left: offsets.length,
        cancelled: false,
        resolve,
        reject,
      };
      const at = jobs.findIndex((other) => other.priority < priority);
      jobs.splice(at < 0 ? jobs.length : at, 0, job);
      pump();
      return {
        done,
        cancel() {
          job.cancelled = true;
        },
      };
    },
    idle: () =>
      underWay === 0 && jobs.length === 0 ? Promise.resolve() : new Promise((resolve) => onIdle.push(resolve)),
  };
}
