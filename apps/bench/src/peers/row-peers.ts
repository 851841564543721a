// The peers that this machine has for cells about rows, and why others are left out: C where there is a compiler, those in
// Python where an interpreter has them, fio where it is installed. Nothing is installed for it.

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CellContestant } from "../cells/cell-plan.js";
import type { FioContestantOptions } from "../cells/fio-contestant.js";
import type { LeftOut } from "../report/report.js";
import type { PeerCalls, PeerTable } from "./peer-table.js";
import { findPythonPeers, type PythonPeer } from "./python-peers.js";

/** Peers of this machine. */
export interface RowPeers {
  readonly leftOut: readonly LeftOut[];
  /** How Python is started. */
  readonly pythonProgram: string;
  /** What was found, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** A Python peer over a table; undefined where this machine lacks it. */
  python(kind: PythonPeer, table: PeerTable, calls: PeerCalls): CellContestant | undefined;
  /** A loop in C over the rows in memory. */
  cMemory(table: PeerTable, calls: PeerCalls): CellContestant | undefined;
  /** Reads in C, so many at once. */
  cPread(table: PeerTable, calls: PeerCalls, threads: number): CellContestant | undefined;
  /** What the disk gives, so many reads at once. */
  fio(table: PeerTable, calls: PeerCalls, depth: number): CellContestant | undefined;
}

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const COMPILE_MS = 60_000;

/** Looks for peers. `folder` takes what is compiled. */
export function findRowPeers(folder: string): RowPeers {
  const leftOut: LeftOut[] = [];
  const pythons = findPythonPeers((what) => leftOut.push(what));
  const program = compile(folder, leftOut);
  const fio = spawnSync("fio", ["--version"], { encoding: "utf8" });
  if (fio.status !== 0) leftOut.push({ what: "fio, the disk's limit", why: "fio is not installed" });
  return {
    leftOut,
    pythonProgram: pythons.program,
    versions: { ...pythons.versions, ...(fio.status === 0 ? { fio: fio.stdout.trim().replace("fio-", "") } : {}) },
    python: pythons.peer,
    cMemory: (table, calls) => inC("memory", "C memcpy loop", table, calls, 1),
    cPread: (table, calls, threads) => inC("pread", `C pread, ${threads} at once`, table, calls, threads),
    fio({ path, rowBytes }, { count }, depth) {
      if (fio.status !== 0) return undefined;
      const given: FioContestantOptions = { path, rowBytes, count, depth };
      const command = [process.execPath, file("../../dist/cells/fio-contestant.js"), JSON.stringify(given)];
      return { name: `fio, ${depth} at once`, kind: "limit", command, files: () => [path] };
    },
  };

  function inC(kind: string, name: string, table: PeerTable, { ids, count }: PeerCalls, threads: number) {
    if (program === undefined) return undefined;
    const command = [program, kind, table.path, `${table.rowBytes}`, ids, `${count}`, `${threads}`];
    return { name, kind: "peer", command, files: () => [table.path] } as const;
  }
}

function compile(folder: string, leftOut: LeftOut[]): string | undefined {
  const program = join(folder, "rows");
  const options = ["-O3", "-march=native", "-pthread", "-o", program, file("../../native/rows.c")];
  const { status, error, stderr } = spawnSync("cc", options, {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
    timeout: COMPILE_MS,
  });
  if (status === 0) return program;
  const why = error === undefined ? `cc failed: ${stderr.trim().split("\n").at(-1)}` : "there is no C compiler, cc";
  leftOut.push({ what: "peers in C", why });
  return undefined;
}
