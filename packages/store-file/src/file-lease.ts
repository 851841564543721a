// Leases: Linux makes whoever opens a leased file for writing, or cuts it, wait until the lease is given back, or until
// /proc/sys/fs/lease-break-time seconds have passed (45 unless set). A mapping read under a lease cannot be cut in the
// middle of a gather, which would end the process with SIGBUS; that is all they are for. Before each gather the lease is
// asked for; between gathers a signal tells, or in worker threads, which have no signals, a timer.

import { readFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";
import { LEASE_SIGNAL, type SystemCalls } from "./system-calls.js";

/** A lease on one file. */
export interface FileLease {
  /** Whether nobody waits for its end. */
  held(): boolean;
  release(): void;
}

/** Seconds that a writer waits at least, for a lease to protect a gather that takes milliseconds. */
const LEAST_BREAK_SECONDS = 5;
const POLL_MS = 200;

const wanted = new Map<number, () => void>();
let watching = false;

/**
 * Takes a lease.
 * @param onWanted called once, when somebody waits for the end of the lease; is to release it.
 */
export function fileLease(calls: SystemCalls, descriptor: number, onWanted: () => void): FileLease | undefined {
  if (breakSeconds() < LEAST_BREAK_SECONDS || !calls.takeLease(descriptor)) return undefined;
  watch(calls);
  wanted.set(descriptor, onWanted);
  return {
    held: () => calls.leaseHeld(descriptor),
    release() {
      wanted.delete(descriptor);
      calls.dropLease(descriptor);
    },
  };
}

function breakSeconds(): number {
  try {
    return Number(readFileSync("/proc/sys/fs/lease-break-time", "utf8"));
  } catch {
    return 0;
  }
}

/** Listens once for the whole process; never stops, as a signal may come late. Keeps no process alive. */
function watch(calls: SystemCalls): void {
  if (watching) return;
  watching = true;
  const look = (): void => {
    for (const [descriptor, onWanted] of [...wanted]) if (!calls.leaseHeld(descriptor)) onWanted();
  };
  if (isMainThread) process.on(LEASE_SIGNAL, look);
  else setInterval(look, POLL_MS).unref();
}
