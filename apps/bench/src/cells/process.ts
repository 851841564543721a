// A contestant's process: started, asked line by line, ended. What it prints on its error output is told when it fails.

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type RoundAnswer, type RoundRequest, requestLine } from "./request.js";

/** A process that is ready to be asked. */
export interface RunningContestant {
  readonly name: string;
  readonly version: string;
  ask(request: RoundRequest): Promise<RoundAnswer>;
  /** Ends it and waits until it is gone: the next one shall have the machine for itself. */
  close(): Promise<void>;
}

/** How a process is started. */
export interface ContestantCommand {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Those that live: none may outlive this process. */
const running = new Set<ChildProcess>();
process.once("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Starts a process; its first line says that it is ready, and what it is.
 * @throws Error with the end of its error output where it ends before.
 */
export async function startProcess(name: string, { command, env }: ContestantCommand): Promise<RunningContestant> {
  const [program = "", ...args] = command;
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...env } });
  running.add(child);
  const ended = new Promise<void>((resolve) => {
    for (const event of ["close", "error"]) child.once(event, () => resolve());
  }).then(() => void running.delete(child));
  child.stdin.on("error", () => undefined); // it has ended; the next answer says so
  const nextLine = lineReader(child);
  const { version = "" } = JSON.parse(await nextLine()) as { version?: string }; // our own programs' first line
  return {
    name,
    version,
    async ask(request) {
      child.stdin.write(requestLine(request));
      return JSON.parse(await nextLine()) as RoundAnswer; // likewise
    },
    async close() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Gives a process's lines one by one; rejects with the end of its error output once it has ended. */
function lineReader(child: ChildProcess): () => Promise<string> {
  let errors = "";
  child.stderr?.on("data", (text: Buffer) => {
    errors = (errors + text.toString()).slice(-4_000);
  });
  const failed = new Promise<never>((_, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const told = errors.split("\n").findLast((line) => /Error|error:/.test(line)); // Node's own last line is its version
      reject(new Error(told?.trim() ?? `it ended with ${code ?? signal}`));
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
