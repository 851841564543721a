// Progress for people: one line on standard error, rewritten on a terminal and silent elsewhere, where only the finished
// steps are written. Never used inside anything that is timed finely.

/** Shows steps one after the other. */
export interface ProgressLine {
  /** Runs a step, showing what it reports, and gives its result and its seconds. */
  step<T>(
    name: string,
    run: (report: (note: string) => void) => T | Promise<T>,
  ): Promise<{ result: T; seconds: number }>;
}

/** A progress line on a stream such as standard error. */
export function progressLine(stream: NodeJS.WriteStream): ProgressLine {
  const show = (text: string) => {
    if (stream.isTTY) stream.write(`\r\x1b[K${text.slice(0, (stream.columns ?? 80) - 1)}`);
  };
  return {
    async step(name, run) {
      let shownAt = 0;
      show(`${name} ...`);
      const start = performance.now();
      const result = await run((note) => {
        const now = performance.now();
        if (now - shownAt < 100) return; // a reader sees ten a second; more would slow what is shown
        shownAt = now;
        show(`${name}: ${note}`);
      });
      const seconds = (performance.now() - start) / 1000;
      show("");
      stream.write(`${name}: ${seconds.toFixed(2)} s\n`);
      return { result, seconds };
    },
  };
}
