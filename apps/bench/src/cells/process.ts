// A contestant's process: started, asked line by line, ended. One that gives no answer in time, takes the machine's memory,
// or ends on its own is a failure of that contestant alone (ContestantFailure): whoever runs the cell goes on without it.
// A process leads a group of its own, so that what it has started ends with it.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { watchMemory } from "../machine/memory-watch.js";
import { parseAnswer, type RoundAnswer, type RoundRequest, requestLine } from "./request.js";

/** A process that is ready to be asked. */
export interface RunningContestant {
  readonly name: string;
  readonly version: string;
  /** @throws ContestantFailure; the limit's own reason where its signal came first. */
  ask(request: RoundRequest, limit?: AnswerLimit): Promise<RoundAnswer>;
  /** Ends it and waits until it is gone: the next one shall have the machine for itself. */
  close(): Promise<void>;
}

/** How a process is started. */
export interface ContestantCommand {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Memory that it may hold; default three quarters of the machine's. */
  readonly memoryBytes?: number;
}

/** How long is waited for an answer. */
export interface AnswerLimit {
  /** Milliseconds; the process is ended after. */
  readonly ms?: number | undefined;
  /** Ends the waiting at once: the run is over. */
  readonly stop?: AbortSignal | undefined;
}

/** What a contestant did that ends its part in a cell, in words. */
export class ContestantFailure extends Error {}

/** Those that live: none may outlive this process. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) endGroup(child);
});

/**
 * Starts a process; its first line says that it is ready, and what it is.
 * @throws ContestantFailure with the end of its error output where it ends before.
 */
export async function startProcess(
  name: string,
  { command, env, memoryBytes }: ContestantCommand,
  limit: AnswerLimit = {},
): Promise<RunningContestant> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", "pipe"],
    env: { ...process.env, ...env },
    detached: process.platform !== "win32",
  });
  running.add(child);
  const ended = new Promise<void>((resolve) => {
    for (const event of ["close", "error"]) child.once(event, () => resolve());
  }).then(() => void running.delete(child));
  child.stdin.on("error", () => undefined); // it has ended; the next answer says so
  const nextLine = lineReader(child, memoryBytes);
  const close = async () => {
    endGroup(child);
    await ended;
  };
  const read = async (limited: AnswerLimit): Promise<Record<string, unknown>> => {
    const line = await within(nextLine(), limited, close);
    try {
      return JSON.parse(line) as Record<string, unknown>; // its fields are looked at by whoever asked
    } catch {
      throw new ContestantFailure(`it answered ${JSON.stringify(line.slice(0, 80))}, which is no answer`);
    }
  };
  try {
    const { version } = await read(limit);
    return {
      name,
      version: typeof version === "string" ? version : "",
      async ask(request, limited = {}) {
        child.stdin.write(requestLine(request));
        const answer = await read(limited);
        const found = parseAnswer(answer);
        if (found === undefined)
          throw new ContestantFailure(`it answered ${JSON.stringify(answer).slice(0, 80)}, which has no time`);
        return found;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** By its id, and by that of the group that it leads: nothing that was not started here. */
function endGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    // it has just ended
  }
}

/** A line, or an error once the time is over; the process is ended then. */
async function within(line: Promise<string>, { ms, stop }: AnswerLimit, close: () => Promise<void>): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  let onStop: (() => void) | undefined;
  const over = new Promise<never>((_, reject) => {
    if (ms !== undefined)
      timer = setTimeout(
        () => reject(new ContestantFailure(`it gave no answer within ${seconds(ms)}; its process was ended`)),
        Math.min(ms, 2 ** 31 - 1),
      );
    onStop = () => reject(stop?.reason);
    if (stop?.aborted) onStop();
    else stop?.addEventListener("abort", onStop);
  });
  line.catch(() => undefined); // told by the race, where it is not too late
  try {
    return await Promise.race([line, over]);
  } catch (error) {
    await close();
    throw error;
  } finally {
    clearTimeout(timer);
    if (onStop !== undefined) stop?.removeEventListener("abort", onStop);
  }
}

function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`;
}

/** Gives a process's lines one by one; rejects with the end of its error output once it has ended. */
function lineReader(child: ChildProcess, memoryBytes: number | undefined): () => Promise<string> {
  let errors = "";
  child.stderr?.on("data", (text: Buffer) => {
    errors = (errors + text.toString()).slice(-4_000);
  });
  let tooMuch: string | undefined;
  const end = (why: string) => {
    tooMuch = `${why}; its process was ended`;
    endGroup(child);
  };
  const unwatch = watchMemory(child.pid, end, memoryBytes);
  const failed = new Promise<never>((_, reject) => {
    child.on("error", (error) => reject(new ContestantFailure(error.message)));
    child.on("close", (code, signal) => {
      unwatch();
      const told = errors.split("\n").findLast((line) => /Error|error:/.test(line)); // Node's own last line is its version
      reject(new ContestantFailure(tooMuch ?? told?.trim() ?? `it ended with ${code ?? signal}`));
    });
  });
  failed.catch(() => {}); // told to whoever reads next
  if (child.stdout === null) return () => failed;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async () => {
    const line = await Promise.race([lines.next(), failed]);
    return line.done ? failed : line.value;
  };
}
