// Starts the contestants of the gather benchmark as processes and talks to them, one request at a time. A contestant
// that this machine lacks (no C compiler, no numpy) is left out with a line that says so.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type GatherAnswer, type GatherRequest, requestLine } from "./gather-workload.js";

/** A contestant, its table filled. */
export interface Contestant {
  readonly name: string;
  readonly version: string;
  ask(request: GatherRequest): Promise<GatherAnswer>;
  close(): void;
}

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Starts all contestants that this machine has, over tables of the same bytes. */
export async function startContestants(tableBytes: number, rowBytes: number): Promise<readonly Contestant[]> {
  const built = mkdtempSync(join(tmpdir(), "engram-gather-"));
  const node = (kind: string) => [process.execPath, file("gather-contestant.js"), kind, `${tableBytes}`, `${rowBytes}`];
  const python = process.env.ENGRAM_PYTHON ?? "python3";
  const commands: readonly (readonly [name: string, command: readonly string[] | undefined])[] = [
    ["dram-direct", node("dram-direct")],
    ["dram-huge", node("dram-huge")],
    ["dram", node("dram")],
    ["numpy.take", [python, file("../native/gather.py"), `${tableBytes}`]],
    ["C memcpy", buildC(built, tableBytes)],
    ["JS subarray", node("subarray")],
  ];
  const contestants: Contestant[] = [];
  try {
    // one after the other: filling tables side by side would time the others' page faults
    for (const [name, command] of commands) {
      if (command === undefined) continue;
      try {
        contestants.push(await startContestant(name, command));
      } catch (error) {
        console.error(`${name} is left out: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  } finally {
    rmSync(built, { recursive: true });
  }
  return contestants;
}

function buildC(folder: string, tableBytes: number): readonly string[] | undefined {
  const program = join(folder, "gather");
  try {
    execFileSync("cc", ["-O3", "-march=native", "-o", program, file("../native/gather.c")], { stdio: "pipe" });
    return [program, `${tableBytes}`];
  } catch (error) {
    console.error(`C memcpy is left out: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Starts one contestant; its first line says that its table is ready. */
export async function startContestant(name: string, [program = "", ...args]: readonly string[]): Promise<Contestant> {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "pipe"] });
  const nextLine = lineReader(child);
  const { version = "" } = JSON.parse(await nextLine()) as { version?: string }; // our own programs' first line
  return {
    name,
    version,
    async ask(request) {
      child.stdin.write(requestLine(request));
      return JSON.parse(await nextLine()) as GatherAnswer; // likewise
    },
    close: () => child.kill(),
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
    child.on("close", (code) => {
      const told = errors.split("\n").findLast((line) => line.includes("Error")); // Node's own last line is its version
      reject(new Error(told ?? `it ended with code ${code}`));
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
