// A second request where the first is slow: what helps against one slow server among many. Not a retry: a request that
// fails before its second was sent fails at once.

/** What came of hedging, since the store was opened. */
export interface HedgeCounts {
  /** Second requests sent. */
  hedges: number;
  /** Second requests that answered first. */
  hedgesWon: number;
}

/**
 * Sends a request, and a second one if it has not ended after `afterMs`. The first to succeed wins, and the other is
 * aborted; where both fail, the first failure is thrown.
 */
export function hedged<Result>(
  send: (signal: AbortSignal) => Promise<Result>,
  signal: AbortSignal,
  afterMs: number,
  counts: HedgeCounts,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const controllers: AbortController[] = [];
    let failed = 0;
    let failure: unknown;
    const abortAll = (): void => {
      for (const controller of controllers) controller.abort(signal.reason);
    };
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", abortAll);
      abortAll();
    };
    const start = (): void => {
      const controller = new AbortController();
      const second = controllers.push(controller) === 2;
      send(controller.signal).then(
        (result) => {
          if (second) counts.hedgesWon++;
          end();
          resolve(result);
        },
        (cause: unknown) => {
          if (failed++ === 0) failure = cause;
          if (failed < controllers.length) return; // the other may still succeed
          end();
          reject(failure);
        },
      );
    };
    const timer = setTimeout(() => {
      counts.hedges++;
      start();
    }, afterMs);
    signal.addEventListener("abort", abortAll, { once: true });
    if (signal.aborted) abortAll();
    start();
  });
}
