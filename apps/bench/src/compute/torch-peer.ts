// The PyTorch process that compute is measured against: started once, told over stdin what to do, a JSON object a line.
// Python is $ENGRAM_TORCH_PYTHON, $ENGRAM_PYTHON or python3; where it has no PyTorch there is no peer, and a line says so.

import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** What the peer says of itself. */
export interface TorchVersion {
  readonly version: string;
  readonly device: string;
  readonly threads: number;
}

/** The process. */
export interface TorchPeer extends TorchVersion {
  /** Asks and waits; throws what the peer failed with. */
  ask(request: TorchRequest): Promise<TorchAnswer>;
  close(): void;
}

/** See engram_torch_bench.py. */
export interface TorchRequest {
  readonly do: string;
  readonly [field: string]: unknown;
}

/** The fields that answers may have. */
export interface TorchAnswer {
  readonly ns?: number;
  readonly losses?: readonly number[];
  /** Base64 of float32, or the values themselves. */
  readonly values?: string | readonly number[];
  readonly error?: string;
}

/** Starts the peer; undefined where this machine has no PyTorch for the device. */
export async function startTorch(device: "cpu" | "cuda", threads?: number): Promise<TorchPeer | undefined> {
  const python = process.env.ENGRAM_TORCH_PYTHON ?? process.env.ENGRAM_PYTHON ?? "python3";
  const args = [script(), "--device", device, ...(threads === undefined ? [] : ["--threads", String(threads)])];
  const child = spawn(python, args, { stdio: ["pipe", "pipe", "pipe"] });
  const nextLine = lineReader(child);
  try {
    const version = JSON.parse(await nextLine()) as TorchVersion; // our own program's first line
    return {
      ...version,
      async ask(request) {
        child.stdin.write(`${JSON.stringify(request)}\n`);
        const answer = JSON.parse(await nextLine()) as TorchAnswer; // likewise
        if (answer.error !== undefined) throw new Error(`PyTorch, ${request.do}: ${answer.error}`);
        return answer;
      },
      close: () => child.kill(),
    };
  } catch (error) {
    console.error(`PyTorch is left out: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

/** Beside this file where all is bundled, in the repository otherwise. */
function script(): string {
  const beside = fileURLToPath(new URL("engram_torch_bench.py", import.meta.url));
  if (existsSync(beside)) return beside;
  return fileURLToPath(new URL("../../../../tools/peers/engram_torch_bench.py", import.meta.url));
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
      const told = errors.split("\n").findLast((line) => line.includes("Error"));
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
