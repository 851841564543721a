// How many requests are under way at once, and which goes next: the highest priority, and the oldest of those. A request
// that waits can be raised, when someone in more of a hurry joins it.

/** A place in the queue. */
export interface QueuedRequest {
  /** Goes up in the queue; never down. */
  raise(priority: number): void;
  /** Resolves or rejects with what the request came to. */
  readonly done: Promise<void>;
}

/** A queue with a limit. */
export interface RequestQueue {
  /** Adds a request; it starts as soon as there is room. One whose signal is aborted before that never starts. */
  add(priority: number, signal: AbortSignal, run: () => Promise<void>): QueuedRequest;
  /** Most requests under way at once. */
  readonly concurrency: number;
}

interface Entry {
  priority: number;
  readonly order: number;
  started: boolean;
  start(): void;
}

/** A queue that runs at most `concurrency` requests at once. */
export function requestQueue(concurrency: number): RequestQueue {
  const heap: { readonly priority: number; readonly entry: Entry }[] = [];
  let running = 0;
  let order = 0;

  const before = (a: number, b: number): boolean => {
    const [left, right] = [heap[a], heap[b]];
    if (left === undefined || right === undefined) return false;
    return left.priority > right.priority || (left.priority === right.priority && left.entry.order < right.entry.order);
  };
  const swap = (a: number, b: number): void => {
    const [left, right] = [heap[a], heap[b]];
    if (left === undefined || right === undefined) return;
    heap[a] = right;
    heap[b] = left;
  };
  const push = (priority: number, entry: Entry): void => {
    let at = heap.push({ priority, entry }) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && before(at, parent); parent = (at - 1) >> 1) {
      swap(at, parent);
      at = parent;
    }
  };
  const pop = (): Entry | undefined => {
    const top = heap[0];
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) {
      heap[0] = last;
      for (let at = 0; ; ) {
        let first = at;
        for (const child of [2 * at + 1, 2 * at + 2]) if (before(child, first)) first = child;
        if (first === at) break;
        swap(at, first);
        at = first;
      }
    }
    return top?.entry;
  };
  const next = (): void => {
    while (running < concurrency) {
      const entry = pop();
      if (entry === undefined) return;
      if (!entry.started) entry.start(); // else it was raised, and this is its old place
    }
  };

  return {
    concurrency,
    add(priority, signal, run) {
      let entry: Entry | undefined;
      const done = new Promise<void>((resolve, reject) => {
        const start = (): void => {
          if (entry !== undefined) entry.started = true;
          if (signal.aborted) {
            reject(signal.reason);
            return;
          }
          running++;
          run()
            .then(resolve, reject)
            .finally(() => {
              running--;
              next();
            });
        };
        entry = { priority, order: order++, started: false, start };
        push(priority, entry);
      });
      next();
      return {
        done,
        raise(higher) {
          if (entry === undefined || entry.started || higher <= entry.priority) return;
          entry.priority = higher;
          push(higher, entry);
        },
      };
    },
  };
}
