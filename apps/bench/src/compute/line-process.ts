// A contestant in a process of its own: told over stdin what to do, a JSON object a line, answered in one line each. What
// ends one contestant, such as an abort inside a native library, ends no other. Its first line says what it is.

import { type ChildProcess, spawn } from "node:child_process";
import { openSync } from "node:fs";
import { createInterface } from "node:readline";

/** What a contestant says of itself. */
export interface PeerFacts {
  readonly version: string;
  readonly device: string;
}

/** A request; the fields besides `do` are the answering program's. */
export interface PeerRequest {
  readonly do: string;
  readonly [field: string]: unknown;
}

/** The fields that answers may have. */
export interface PeerAnswer {
  readonly ns?: number;
  readonly losses?: readonly number[];
  /** Base64 of float32. */
  readonly values?: string;
  readonly error?: string;
}

/** A running contestant. */
export interface Peer extends PeerFacts {
  readonly name: string;
  /** False once its process has ended. */
  readonly alive: boolean;
  /** Asks and waits; throws what the contestant failed with, or the end of its process. */
  ask(request: PeerRequest): Promise<PeerAnswer>;
  /** Nanoseconds that it took. */
  time(request: PeerRequest): Promise<number>;
  close(): void;
}

/** What one request may take. */
const MOST_MS = 150_000;

/** How a contestant's process is started. */
export interface PeerProcess {
  readonly program: string;
  readonly args: readonly string[];
  /** Besides this process's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** A file for all that it writes to stderr. */
  readonly errors?: string;
}

/** Starts one; undefined, and a line on stderr, where it says nothing of itself. */
export async function startPeer(name: string, { program, args, env, errors }: PeerProcess): Promise<Peer | undefined> {
  const child = spawn(program, args, {
    stdio: ["pipe", "pipe", errors === undefined ? "pipe" : openSync(errors, "w")],
    env: { ...process.env, ...env },
  });
  child.stdin?.on("error", () => {}); // its end is told by the lines
  const nextLine = lineReader(child);
  let alive = true;
  child.on("close", () => {
    alive = false;
  });
  try {
    const facts = JSON.parse(await nextLine()) as PeerFacts; // our own programs' first line
    const ask = async (request: PeerRequest): Promise<PeerAnswer> => {
      child.stdin?.write(`${JSON.stringify(request)}\n`);
      const timer = setTimeout(() => child.kill("SIGKILL"), MOST_MS); // a hung one ends its line, too
      const answer = JSON.parse(await nextLine().finally(() => clearTimeout(timer))) as PeerAnswer; // likewise
      if (answer.error !== undefined) throw new Error(`${name}, ${request.do}: ${answer.error}`);
      return answer;
    };
    return {
      ...facts,
      name,
      get alive() {
        return alive;
      },
      ask,
      time: async (request) => (await ask(request)).ns ?? Number.NaN,
      close: () => child.kill(),
    };
  } catch (error) {
    child.kill();
    console.error(`${name} is left out: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** The values of an answer. */
export function valuesOf({ values = "" }: PeerAnswer): Float32Array {
  return new Float32Array(new Uint8Array(Buffer.from(values, "base64")).buffer);
}

/** Gives a process's lines one by one; rejects with the end of its error output once it has ended. */
function lineReader(child: ChildProcess): () => Promise<string> {
  let errors = "";
  child.stderr?.on("data", (text: Buffer) => {
    errors = (errors + text.toString()).slice(-8_000);
  });
  const failed = new Promise<never>((_, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      const told = errors.split("\n").findLast((line) => /Error|abort|assert/i.test(line));
      reject(new Error(`${told ?? "nothing said"} (ended with ${signal ?? `code ${code}`})`));
    });
  });
  failed.catch(() => {}); // told to whoever reads next
  if (child.stdout === null) return () => failed;
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return async () => {
    for (;;) {
      const line = await Promise.race([lines.next(), failed]);
      if (line.done) return failed;
      if (line.value.startsWith("{")) return line.value; // others are what a library had to say
    }
  };
}
