// Runs table commands as a user does, each test file in a folder of its own, and reads tables in the test's process.

import { type ChildProcess, execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { isEngramError, type OpenedTables } from "@engram-ts/core";
import { engramProgram } from "../src/program.js";
import type { EngramRun } from "./run-engram.js";

const program = fileURLToPath(new URL("../bin/engram.js", import.meta.url));

/** A folder to run commands in. */
export interface TableRuns {
  readonly folder: string;
  /** Runs `engram` in the folder, in a process of its own. */
  run(...args: string[]): Promise<EngramRun>;
  /** Runs `engram ... --json`, which must succeed, in this process, and gives what it printed. */
  json(...args: string[]): Promise<Record<string, unknown> & { layers: LayerResult[] }>;
  /** Runs `engram ... --json`, which must be refused, in this process, and gives the error. */
  refused(...args: string[]): Promise<{ code: string; message: string; context: Record<string, unknown> }>;
  /** Starts `engram` and gives the process; `done` is how it ended. */
  start(...args: string[]): { child: ChildProcess; done: Promise<EngramRun> };
  remove(): Promise<void>;
}

/** What commands say of a layer. */
export interface LayerResult {
  readonly layer: number;
  readonly rows: number;
  readonly resumedRows: number;
  readonly digest: string;
}

/** Makes a folder; `env` is added to the environment of every command. */
export async function tableRuns(name: string, env: Readonly<Record<string, string>> = {}): Promise<TableRuns> {
  const folder = await mkdtemp(join(tmpdir(), `engram-${name}-`));
  const start: TableRuns["start"] = (...args) => {
    let settle: (run: EngramRun) => void = () => {};
    const done = new Promise<EngramRun>((resolve) => {
      settle = resolve;
    });
    const options = { cwd: folder, maxBuffer: 64 * 2 ** 20, env: { ...process.env, ...env } };
    const child = execFile(process.execPath, [program, ...args], options, (error, stdout, stderr) => {
      settle({ exitCode: error === null ? 0 : Number(error.code ?? -1), stdout, stderr });
    });
    return { child, done };
  };
  const run: TableRuns["run"] = (...args) => start(...args).done;
  return {
    folder,
    run,
    start,
    async json(...args) {
      const { output, error } = await runHere(folder, args);
      if (error !== undefined) throw error;
      return JSON.parse(output);
    },
    async refused(...args) {
      const { output, error } = await runHere(folder, args);
      if (!isEngramError(error)) throw new Error(`engram ${args.join(" ")} was not refused: ${output}${error ?? ""}`);
      return { code: error.code, message: error.message, context: { ...error.context } };
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Runs the program in this process, which is much cheaper than a process each; main.ts does no more than this. */
async function runHere(folder: string, args: readonly string[]): Promise<{ output: string; error?: unknown }> {
  const cwd = process.cwd();
  const stdout = Object.getOwnPropertyDescriptor(process, "stdout") ?? {};
  let output = "";
  const value = new Writable({
    write(chunk: Buffer, _encoding, written) {
      output += chunk.toString();
      written();
    },
  });
  process.chdir(folder);
  Object.defineProperty(process, "stdout", { configurable: true, value });
  try {
    await engramProgram().parseAsync(["node", "engram", ...args, "--json"]);
    return { output };
  } catch (error) {
    return { output, error };
  } finally {
    Object.defineProperty(process, "stdout", stdout);
    process.chdir(cwd);
  }
}

/** Rows of a layer, gathered in one call. */
export async function gatherRows(opened: OpenedTables, layer: number, rowIds: Uint32Array): Promise<Uint8Array> {
  const store = opened.tables.get(layer);
  if (store === undefined) throw new Error(`layer ${layer} is not open`);
  const ticket = store.prefetch(rowIds);
  await ticket.ready;
  const out = new Uint8Array(rowIds.length * store.table.rowBytes);
  ticket.gather(out);
  ticket.release();
  return out;
}
