// The peers that this machine has for cells about rows, and why others are left out: C where there is a compiler, numpy,
// PyTorch, py-lmdb and engramdb-python where Python has them, fio where it is installed. Nothing is installed for it.

import { execFileSync, spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CellContestant } from "../cells/cell-plan.js";
import { filesBelow } from "../cells/row-table.js";
import type { LeftOut } from "../report/report.js";

/** Where the rows lie that all peers read. */
export interface PeerTable {
  /** The file of packed rows. */
  readonly path: string;
  readonly rows: number;
  readonly rowBytes: number;
  /** For what peers make of it. */
  readonly folder: string;
}

/** The calls that a cell asks for. */
export interface PeerCalls {
  readonly ids: string;
  readonly count: number;
}

/** Python's peers. */
export type PythonPeer = "memmap" | "take" | "torch" | "py-lmdb" | "engramdb";

const NAMES: Readonly<Record<PythonPeer, string>> = {
  memmap: "numpy memmap",
  take: "numpy take",
  torch: "PyTorch embedding",
  "py-lmdb": "py-lmdb",
  engramdb: "engramdb-python",
};

/** Peers of this machine. */
export interface RowPeers {
  readonly leftOut: readonly LeftOut[];
  /** How Python is started. */
  readonly pythonProgram: string;
  /** What was found, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** A Python peer over a table, its own form of the table made; undefined where this machine lacks it. */
  python(kind: PythonPeer, table: PeerTable, calls: PeerCalls): CellContestant | undefined;
  /** A loop in C over the rows in memory. */
  cMemory(table: PeerTable, calls: PeerCalls): CellContestant | undefined;
  /** Reads in C, so many at once. */
  cPread(table: PeerTable, calls: PeerCalls, threads: number): CellContestant | undefined;
  /** What the disk gives, so many reads at once. */
  fio(table: PeerTable, calls: PeerCalls, depth: number): CellContestant | undefined;
}

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const PYTHON = file("../../native/rows.py");

/** Looks for peers. `folder` takes what is compiled. */
export function findRowPeers(folder: string): RowPeers {
  const python = process.env.ENGRAM_PYTHON ?? "python3";
  const leftOut: LeftOut[] = [];
  const found = probePython(python, leftOut);
  for (const [kind, name] of Object.entries(NAMES)) {
    if (found !== undefined && found[kind] === undefined)
      leftOut.push({ what: name, why: `not installed for ${python}` });
  }
  const program = compile(folder, leftOut);
  const fio = spawnSync("fio", ["--version"], { encoding: "utf8" });
  if (fio.status !== 0) leftOut.push({ what: "fio, the disk's limit", why: "fio is not installed" });
  const made = new Set<string>();
  return {
    leftOut,
    pythonProgram: python,
    versions: { ...versionsOf(found), ...(fio.status === 0 ? { fio: fio.stdout.trim().replace("fio-", "") } : {}) },
    python(kind, table, calls) {
      if (found?.[kind] === undefined) return undefined;
      const own = join(table.folder, kind);
      const given = { kind, path: table.path, rows: table.rows, rowBytes: table.rowBytes, folder: own, ...calls };
      const needsTable = kind === "py-lmdb" || kind === "engramdb";
      if (needsTable && !made.has(own)) {
        execFileSync(python, [PYTHON, "load", JSON.stringify(given)], { stdio: ["ignore", "ignore", "pipe"] });
        made.add(own);
      }
      const command = [python, PYTHON, "serve", JSON.stringify(given)];
      return { name: NAMES[kind], kind: "peer", command, files: () => (needsTable ? filesBelow(own) : [table.path]) };
    },
    cMemory: (table, calls) => inC("memory", "C memcpy loop", table, calls, 1),
    cPread: (table, calls, threads) => inC("pread", `C pread, ${threads} at once`, table, calls, threads),
    fio(table, { count }, depth) {
      if (fio.status !== 0) return undefined;
      const given = JSON.stringify({ path: table.path, count, depth });
      const command = [process.execPath, file("../../dist/cells/fio-contestant.js"), given];
      return { name: `fio, ${depth} at once`, kind: "limit", command, files: () => [table.path] };
    },
  };

  function inC(kind: string, name: string, table: PeerTable, { ids, count }: PeerCalls, threads: number) {
    if (program === undefined) return undefined;
    const command = [program, kind, table.path, `${table.rowBytes}`, ids, `${count}`, `${threads}`];
    return { name, kind: "peer", command, files: () => [table.path] } as const;
  }
}

/** Packages of Python by name: `lmdb 3.0.0` is `py-lmdb: 3.0.0`. */
function versionsOf(found: Readonly<Record<string, string>> | undefined): Record<string, string> {
  const { python, ...kinds } = found ?? {};
  const packages = Object.values(kinds).map((text) => text.split(" ") as [string, string]); // as rows.py writes them
  return {
    ...(python === undefined ? {} : { Python: python }),
    ...Object.fromEntries(packages.map(([name, version]) => [name === "lmdb" ? "py-lmdb" : name, version])),
  };
}

function probePython(python: string, leftOut: LeftOut[]): Record<string, string> | undefined {
  try {
    const line = execFileSync(python, [PYTHON, "probe"], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    return JSON.parse(line) as Record<string, string>; // our own program's
  } catch {
    leftOut.push({ what: "peers in Python", why: `${python} does not run; name one in ENGRAM_PYTHON` });
    return undefined;
  }
}

function compile(folder: string, leftOut: LeftOut[]): string | undefined {
  const program = join(folder, "rows");
  const options = ["-O3", "-march=native", "-pthread", "-o", program, file("../../native/rows.c")];
  const { status, error } = spawnSync("cc", options, { encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] });
  if (status === 0) return program;
  leftOut.push({ what: "peers in C", why: error === undefined ? "cc failed" : "no C compiler (cc)" });
  return undefined;
}
