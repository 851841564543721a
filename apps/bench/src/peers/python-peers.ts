// Peers in Python: numpy, PyTorch, py-lmdb, engramdb-python. Each is taken from the first interpreter that has it: the one in
// ENGRAM_PYTHON or `python3`, then the one in ENGRAM_TORCH_PYTHON. What a peer makes of the table is made when its first
// process starts, and its failure is that peer's alone.

import { execFile, execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { CellContestant } from "../cells/cell-plan.js";
import { filesBelow } from "../cells/row-table.js";
import type { LeftOut } from "../report/report.js";
import type { PeerCalls, PeerTable } from "./peer-table.js";

/** Python's peers. */
export type PythonPeer = "memmap" | "take" | "torch" | "py-lmdb" | "engramdb";

const NAMES: Readonly<Record<PythonPeer, string>> = {
  memmap: "numpy memmap",
  take: "numpy take",
  torch: "PyTorch embedding",
  "py-lmdb": "py-lmdb",
  engramdb: "engramdb-python",
};
const PROGRAM = fileURLToPath(new URL("../../native/rows.py", import.meta.url));
/** An interpreter that does not say so soon what it has does not count. */
const PROBE_MS = 60_000;

/** What Python has here. */
export interface PythonPeers {
  /** How the first interpreter is started. */
  readonly program: string;
  /** What was found, by name. */
  readonly versions: Readonly<Record<string, string>>;
  /** A peer over a table; undefined where no interpreter has it. */
  peer(kind: PythonPeer, table: PeerTable, calls: PeerCalls): CellContestant | undefined;
}

/** An interpreter and its packages by kind, as `lmdb 3.0.0`. */
interface Interpreter {
  readonly program: string;
  readonly found: Readonly<Record<string, string>>;
}

/** Looks for them; what is missing is told. */
export function findPythonPeers(leave: (what: LeftOut) => void): PythonPeers {
  const { ENGRAM_PYTHON = "python3", ENGRAM_TORCH_PYTHON } = process.env;
  const programs = [ENGRAM_PYTHON, ...(ENGRAM_TORCH_PYTHON === undefined ? [] : [ENGRAM_TORCH_PYTHON])];
  const interpreters = programs.flatMap((program) => probe(program, leave));
  const tried = interpreters.map(({ program }) => program).join(" or ");
  const having = (kind: string) => interpreters.find(({ found }) => found[kind] !== undefined);
  for (const [kind, name] of Object.entries(NAMES)) {
    if (interpreters.length > 0 && having(kind) === undefined)
      leave({ what: name, why: `not installed for ${tried}; name a Python that has it in ENGRAM_PYTHON` });
  }
  const loading = new Map<string, Promise<unknown>>();
  return {
    program: ENGRAM_PYTHON,
    versions: versionsOf(interpreters),
    peer(kind, table, calls) {
      const program = having(kind)?.program;
      if (program === undefined) return undefined;
      const own = join(table.folder, kind);
      const { path, rows, rowBytes } = table;
      const given = JSON.stringify({ kind, path, rows, rowBytes, folder: own, ...calls });
      const command = [program, PROGRAM, "serve", given];
      const contestant: CellContestant = { name: NAMES[kind], kind: "peer", command, files: () => [path] };
      if (kind !== "py-lmdb" && kind !== "engramdb") return contestant;
      return {
        ...contestant,
        files: () => filesBelow(own),
        async prepare(signal) {
          const known = loading.get(own) ?? load(program, given, signal);
          loading.set(own, known);
          await known;
        },
      };
    },
  };
}

function load(program: string, given: string, signal: AbortSignal | undefined): Promise<unknown> {
  return promisify(execFile)(program, [PROGRAM, "load", given], signal === undefined ? {} : { signal });
}

function probe(program: string, leave: (what: LeftOut) => void): Interpreter[] {
  try {
    const told = execFileSync(program, [PROGRAM, "probe"], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
      timeout: PROBE_MS,
    });
    const found = JSON.parse(told) as Interpreter["found"]; // our own program's
    return [{ program, found }];
  } catch {
    leave({ what: `peers of ${program}`, why: "it does not run; name a Python in ENGRAM_PYTHON" });
    return [];
  }
}

/** Packages of Python by name: `lmdb 3.0.0` is `py-lmdb: 3.0.0`. */
function versionsOf(interpreters: readonly Interpreter[]): Record<string, string> {
  const versions: Record<string, string> = {};
  for (const { found } of interpreters.toReversed()) {
    const { python, ...kinds } = found;
    if (python !== undefined) versions.Python = python;
    for (const text of Object.values(kinds)) {
      const [name = "", version = ""] = text.split(" ");
      versions[name === "lmdb" ? "py-lmdb" : name] = version;
    }
  }
  return versions;
}
