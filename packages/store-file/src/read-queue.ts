// The asynchronous reads of one store, so many of them under way at once and no more. A thread of the pool can only do
// one; more than there are wait in libuv's queue, in order, where a batch that is needed sooner could not overtake them.

import { read } from "node:fs";

/** One read. */
export interface QueuedRead {
  /** Which of its job's reads it is. */
  readonly index: number;
  readonly descriptor: number;
  /** To be filled whole. */
  readonly buffer: Uint8Array;
  readonly position: number;
}

/** Many reads, started one by one as places come free. */
export interface ReadJob {
  /** Higher goes first; jobs of one priority take turns by age. */
  readonly priority: number;
  /** The next read to start, or undefined once all have been started or the job was ended. */
  next(): QueuedRead | undefined;
  /** A read has ended; `error` is Node's. */
  ended(read: QueuedRead, bytes: number, error: unknown): void;
}

/** Starts reads of jobs, `queueDepth` at once. */
export interface ReadQueue {
  add(job: ReadJob): void;
  /** Resolves once no read is under way; none is started any more. */
  drain(): Promise<void>;
}

/** An empty queue. */
export function readQueue(queueDepth: number): ReadQueue {
  const jobs: ReadJob[] = [];
  let active = 0;
  let draining: (() => void) | undefined;
  let drained = false;

  const start = (job: ReadJob, one: QueuedRead): void => {
    active++;
    read(one.descriptor, one.buffer, 0, one.buffer.length, one.position, (error, bytes) => {
      active--;
      job.ended(one, bytes, error);
      pump();
    });
  };
  const pump = (): void => {
    while (active < queueDepth && jobs.length > 0 && !drained) {
      const job = jobs[0] as ReadJob; // there is one
      const one = job.next();
      if (one === undefined) jobs.shift();
      else start(job, one);
    }
    if (active === 0) draining?.();
  };

  return {
    add(job) {
      const after = jobs.findIndex(({ priority }) => priority < job.priority);
      jobs.splice(after < 0 ? jobs.length : after, 0, job);
      pump();
    },
    drain() {
      drained = true;
      if (active === 0) return Promise.resolve();
      return new Promise((resolve) => {
        draining = resolve;
      });
    },
  };
}
