// Ctrl-C during long work: the first asks it to stop where everything written so far is safe, the second ends the process.

import { EngramError, isEngramError } from "@engram-ts/core";

/**
 * Runs work with a signal that Ctrl-C (SIGINT) or SIGTERM fires.
 * @param state what is there after an interruption, and how to go on.
 * @throws EngramError `aborted` with `state`, where the signal had been fired and the work did not say more; what the work
 * throws.
 */
export async function withInterrupt<T>(
  work: (signal: AbortSignal) => Promise<T>,
  state = "run the same command again, it goes on after what was committed",
): Promise<T> {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(130);
    process.stderr.write("\nstopping where it is safe; Ctrl-C again ends at once\n");
    controller.abort();
  };
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  try {
    return await work(controller.signal);
  } catch (cause) {
    // Below, an abort may look like anything: a ticket's error, the platform's AbortError.
    const ended = !isEngramError(cause) || (cause.code === "aborted" && cause.operation !== OPERATION);
    throw controller.signal.aborted && ended ? interrupted(state, cause) : cause;
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}

const OPERATION = "table work";

/** The error of work that was stopped; `state` says what is there now. */
export function interrupted(state: string, cause: unknown): EngramError {
  const message = `interrupted; ${state}`;
  return new EngramError({ code: "aborted", operation: OPERATION, message, retry: "later", cause });
}

/** @throws EngramError `aborted`. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal?.aborted !== true) return;
  throw new EngramError({
    code: "aborted",
    operation: "table-copy",
    message: "the work was called off",
    retry: "later",
  });
}
