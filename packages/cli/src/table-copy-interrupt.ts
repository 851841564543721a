// Ctrl-C during long work: the first asks it to stop where everything written so far is safe, the second ends the process.

/** Runs work with a signal that Ctrl-C (SIGINT) or SIGTERM fires. */
export async function withInterrupt<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
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
  } finally {
    process.off("SIGINT", stop);
    process.off("SIGTERM", stop);
  }
}
