// The queue of a device: tasks end in the order in which they were added, however long each takes.

import { expect, it } from "vitest";
import { taskQueue } from "../../../src/ggml/runtime/task-queue.js";

it("does a task at once where nothing runs, and in its turn where something does", async () => {
  const queue = taskQueue();
  const done: string[] = [];
  queue.add(() => void done.push("at once"));
  expect(done).toEqual(["at once"]);
  let open: () => void = () => undefined;
  queue.add(async () => {
    await new Promise<void>((resolve) => {
      open = resolve;
    });
    done.push("long");
  });
  queue.add(() => {
    done.push("short");
    queue.add(() => void done.push("added by a task"));
  });
  queue.add(() => void done.push("last"));
  const idle = queue.idle().then(() => done.push("idle"));
  await Promise.resolve();
  expect(done).toEqual(["at once"]);
  open();
  await idle;
  expect(done).toEqual(["at once", "long", "short", "last", "added by a task", "idle"]);
});

it("goes on after a task that failed", async () => {
  const queue = taskQueue();
  queue.add(async () => {
    throw new Error("told elsewhere");
  });
  let done = false;
  queue.add(() => {
    done = true;
  });
  await queue.idle();
  expect(done).toBe(true);
});
