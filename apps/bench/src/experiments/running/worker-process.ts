// A worker seen from the process that runs experiments: started with its engine, asked, ended. What it prints on its error
// output is told when it fails. Not here: what it does (cell-worker.ts), which cells it gets (run-cells.ts).

import { type ChildProcess, spawn } from "node:child_process";
import { EngramError } from "@engram-ts/core";
import type { WorkerAnswer, WorkerRequest } from "./worker-messages.js";

/** A worker that is ready. */
export interface CellWorker {
  readonly engine: string;
  /** Where it computes, as its driver calls it. */
  readonly device: string;
  /** False once its process has ended. */
  readonly alive: boolean;
  /**
   * Asks; resolves with the answer that ends it. @param told of answers before that.
   * @throws EngramError `io` with what the worker failed with, or where its process ended.
   */
  ask<Kind extends "result" | "pace">(
    request: WorkerRequest,
    kind: Kind,
    told?: (answer: WorkerAnswer) => void,
  ): Promise<Extract<WorkerAnswer, { is: Kind }>>;
  send(request: WorkerRequest): void;
  /** Ends it at once. */
  close(): void;
}

/** How workers are started. */
export interface WorkerCommand {
  /** Program and arguments that serve cells: engine and folder of corpora are added. */
  readonly command: readonly string[];
  readonly corpora: string;
}

/** Those that live: none may outlive this process. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

const ERROR_CHARACTERS = 2000;

/**
 * Starts a worker and waits until its engine is open.
 * @throws EngramError `io` with the end of its error output where it is not.
 */
export async function startWorker(engine: string, { command, corpora }: WorkerCommand): Promise<CellWorker> {
  const [program = "", ...args] = command;
  const child = spawn(program, [...args, engine, corpora], { stdio: ["ignore", "ignore", "pipe", "ipc"] });
  running.add(child);
  let errors = "";
  child.stderr?.on("data", (text: Buffer) => {
    errors = (errors + text.toString()).slice(-ERROR_CHARACTERS);
  });
  let alive = true;
  let listen: (answer: WorkerAnswer | undefined) => void = () => undefined;
  const ended = () => {
    alive = false;
    running.delete(child);
    listen(undefined);
  };
  child.once("close", ended);
  child.once("error", (error) => {
    errors += error.message;
    ended();
  });
  child.on("message", (answer: WorkerAnswer) => listen(answer));
  const failed = (what: string) =>
    new EngramError({
      code: "io",
      operation: "engram-bench experiment",
      message: `the process of ${engine} ${what}`,
      context: { engine },
    });
  const lastLine = () => {
    const lines = errors.split("\n").filter((line) => line.trim() !== "");
    return lines.findLast((line) => /error|abort|assert|failed/i.test(line)) ?? lines.at(-1) ?? "it said nothing";
  };
  const next = <Kind extends WorkerAnswer["is"]>(
    kind: Kind,
    told?: (answer: WorkerAnswer) => void,
  ): Promise<Extract<WorkerAnswer, { is: Kind }>> =>
    new Promise((resolve, reject) => {
      const is = (answer: WorkerAnswer): answer is Extract<WorkerAnswer, { is: Kind }> => answer.is === kind;
      const settle = (finish: () => void) => {
        listen = () => undefined;
        finish();
      };
      listen = (answer) => {
        if (answer === undefined) settle(() => reject(failed(`ended: ${lastLine()}`)));
        else if (is(answer)) settle(() => resolve(answer));
        else if (answer.is === "failed") settle(() => reject(failed(`failed: ${answer.message}`)));
        else told?.(answer);
      };
      if (!alive) listen(undefined);
    });
  const { device } = await next("open");
  const send = (request: WorkerRequest) => {
    if (alive) child.send(request, () => undefined); // its end is told by the process
  };
  return {
    engine,
    device,
    get alive() {
      return alive;
    },
    ask(request, kind, told) {
      const answer = next(kind, told);
      send(request);
      return answer;
    },
    send,
    close: () => void child.kill("SIGKILL"),
  };
}
