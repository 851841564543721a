// What is done with a device, one after the other: setting values, running graphs, reading back. A task that has nothing to
// wait for is done before `add` returns.

/** One piece of work. */
export type Task = () => void | Promise<void>;

/** Tasks in their order. A task must not throw: whoever is to hear of a failure is told by the task. */
export interface TaskQueue {
  add(task: Task): void;
  /** Resolves when all tasks added so far are done. */
  idle(): Promise<void>;
}

/** An empty queue. */
export function taskQueue(): TaskQueue {
  const open: Task[] = [];
  let running = false;
  const run = (): void => {
    running = true;
    for (let task = open.shift(); task !== undefined; task = open.shift()) {
      const ending = task();
      if (ending === undefined) continue;
      ending.then(run, run);
      return;
    }
    running = false;
  };
  return {
    add(task) {
      open.push(task);
      if (!running) run();
    },
    idle: () =>
      new Promise((resolve) => {
        open.push(() => resolve());
        if (!running) run();
      }),
  };
}
