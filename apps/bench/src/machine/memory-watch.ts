// Ends what takes the memory that a machine needs, before the system picks a victim itself: a process that holds more of its
// own than it may, or, where next to nothing is left, the one that holds most. Pages of files do not count: the system takes
// them back. Linux; elsewhere nobody is watched.

import { readFileSync } from "node:fs";
import { totalmem } from "node:os";

/** A process that is watched. */
export interface Holder {
  readonly pid: number;
  /** Bytes of memory of its own. */
  readonly bytes: number;
  readonly mayHold: number;
}

const EVERY_MS = 250;
/** What one process may hold, of the machine or of the container that this is in. */
const OWN_SHARE = 0.75;
const LEAST_AVAILABLE_SHARE = 0.03;

/** Who is to be ended, and why. */
export function overLimit(
  holders: readonly Holder[],
  availableBytes: number,
  leastAvailableBytes: number,
): { pid: number; why: string } | undefined {
  const took = ({ bytes }: Holder) => `it took ${mebibytes(bytes)} of memory`;
  const over = holders.find(({ bytes, mayHold }) => bytes > mayHold);
  if (over !== undefined) return { pid: over.pid, why: `${took(over)}, more than ${mebibytes(over.mayHold)}` };
  const [greatest] = holders.toSorted((a, b) => b.bytes - a.bytes);
  if (greatest === undefined || availableBytes >= leastAvailableBytes) return undefined;
  return { pid: greatest.pid, why: `${took(greatest)}, and the machine had ${mebibytes(availableBytes)} left` };
}

const watched = new Map<number, { readonly mayHold: number; readonly tooMuch: (why: string) => void }>();
let timer: NodeJS.Timeout | undefined;

/**
 * Watches a process until the returned function is called.
 * @param tooMuch called once, with what it took.
 */
export function watchMemory(
  pid: number | undefined,
  tooMuch: (why: string) => void,
  mayHold = OWN_SHARE * machineBytes(),
): () => void {
  if (pid === undefined || process.platform !== "linux") return () => undefined;
  watched.set(pid, { mayHold, tooMuch });
  timer ??= setInterval(look, EVERY_MS).unref();
  return () => {
    watched.delete(pid);
    if (watched.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function look(): void {
  const holders = [...watched].map(([pid, { mayHold }]) => {
    return { pid, bytes: kibibytesOf(`/proc/${pid}/status`, /^RssAnon:\s+(\d+) kB/m, 0) * 1_024, mayHold };
  });
  const available = kibibytesOf("/proc/meminfo", /^MemAvailable:\s+(\d+) kB/m, Number.POSITIVE_INFINITY) * 1_024;
  const found = overLimit(holders, available, LEAST_AVAILABLE_SHARE * totalmem());
  if (found === undefined) return;
  const tell = watched.get(found.pid)?.tooMuch;
  watched.delete(found.pid);
  tell?.(found.why);
}

function machineBytes(): number {
  const container = process.constrainedMemory();
  return container > 0 ? Math.min(container, totalmem()) : totalmem();
}

/** A figure in a file of the system's; `otherwise` where it is not said, as of a process that has ended. */
function kibibytesOf(path: string, pattern: RegExp, otherwise: number): number {
  try {
    const found = pattern.exec(readFileSync(path, "utf8"))?.[1];
    return found === undefined ? otherwise : Number(found);
  } catch {
    return otherwise;
  }
}

function mebibytes(bytes: number): string {
  return `${Math.round(bytes / 2 ** 20)} MiB`;
}
