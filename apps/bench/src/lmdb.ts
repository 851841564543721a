// Benchmark: random rows of 264 bytes out of LMDB, 48 a call and more, hot and cold; lmdbStore against a value a row read
// by lmdb-js and by py-lmdb, against other layouts, and against engramdb-python on a plain file of the same rows. Each
// contestant is a process of its own; hot ones are asked in turn, in alternating order; before a cold one starts, the
// pages of its files are dropped. Outputs are compared by checksum.
//   node apps/bench/dist/lmdb.js [--out FILE] [--rows 2000000] [--rounds 9] [--cold-rounds 3] [--folder DIR]
// Python is taken from $ENGRAM_PYTHON or python3, with the packages of tools/oracle-requirements.txt.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Contestant, startContestant } from "./gather-processes.js";
import { median, pairedRatio, type Ratio } from "./gather-statistics.js";
import type { GatherAnswer, GatherRequest } from "./gather-workload.js";
import { machineCard } from "./machine-card.js";

interface Entry {
  readonly name: string;
  readonly program: "node" | "python";
  readonly kind: string;
  /** Threads of libuv, for those that read on them. */
  readonly threads?: number;
  /** Left out where the machine is asked for hot or cold reads only. */
  readonly cells: readonly ("hot" | "cold")[];
}

interface CellReport {
  readonly name: string;
  readonly count: number;
  readonly calls: number;
  /** Nanoseconds of each round, all calls together. */
  readonly ns: Readonly<Record<string, readonly number[]>>;
  /** Hot cells: the same in time of the processor, which other programs on the machine lengthen less. */
  readonly cpuNs?: Readonly<Record<string, readonly number[]>>;
  readonly microsecondsPerCall: Readonly<Record<string, number>>;
  /** How many times as fast as each other contestant lmdbStore is, in pairs. */
  readonly timesAsFast: Readonly<Record<string, Ratio>>;
  readonly timesAsFastByCpu?: Readonly<Record<string, Ratio>>;
}

const OURS = "lmdbStore";
const ROW_BYTES = 264;
const COLD_THREADS = 16;
const PREAD = `C pread, ${COLD_THREADS} threads`;
const ENTRIES: readonly Entry[] = [
  { name: OURS, program: "node", kind: "lmdbStore", cells: ["hot", "cold"], threads: COLD_THREADS },
  { name: "lmdbStore, 4 threads", program: "node", kind: "lmdbStore", cells: ["cold"], threads: 4 },
  { name: "lmdb-js, a value a row", program: "node", kind: "rows", cells: ["hot", "cold"] },
  { name: "lmdb-js, 15 rows a value", program: "node", kind: "pages", cells: ["hot", "cold"] },
  { name: "lmdb-js, 248 rows a value", program: "node", kind: "blocks", cells: ["hot"] },
  { name: "py-lmdb", program: "python", kind: "py-lmdb", cells: ["hot", "cold"] },
  { name: "engramdb-python", program: "python", kind: "engramdb", cells: ["hot", "cold"] },
];

const { values: options } = parseArgs({
  options: {
    out: { type: "string" },
    rows: { type: "string", default: "2000000" },
    rounds: { type: "string", default: "9" },
    "cold-rounds": { type: "string", default: "3" },
    folder: { type: "string", default: tmpdir() },
  },
});
const rows = Number(options.rows);
const rounds = Number(options.rounds);
const python = process.env.ENGRAM_PYTHON ?? "python3";
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const folder = mkdtempSync(join(options.folder, "engram-lmdb-bench-"));

const folderOf = (entry: Entry) => join(folder, entry.kind);
function commandOf(entry: Entry, action: "load" | "serve"): readonly string[] {
  const rest = [action, entry.kind, folderOf(entry), `${rows}`];
  if (entry.program === "python") return [python, file("../native/lmdb-peers.py"), ...rest];
  return ["env", `UV_THREADPOOL_SIZE=${entry.threads ?? 4}`, process.execPath, file("lmdb-contestant.js"), ...rest];
}

/** Writes the tables; those that this machine lacks are left out with a line that says so. */
function loadAll(): { entries: Entry[]; loads: Record<string, object> } {
  const loads: Record<string, object> = {};
  const kinds = new Set<string>();
  const entries = ENTRIES.filter((entry) => {
    if (kinds.has(entry.kind)) return true;
    const [program = "", ...args] = commandOf(entry, "load");
    try {
      const line = execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
      const { seconds, fileBytes } = JSON.parse(line) as { seconds: number; fileBytes: number }; // our own programs' line
      const bytes = rows * ROW_BYTES;
      loads[entry.name] = { megabytesPerSecond: bytes / 1e6 / seconds, diskFactor: fileBytes / bytes, seconds };
    } catch (error) {
      console.error(`${entry.name} is left out: ${lastLine(error)}`);
      return false;
    }
    kinds.add(entry.kind);
    return true;
  });
  return { entries, loads };
}

function lastLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().split("\n").at(-1) ?? "";
}

function timesAsFast(ns: Readonly<Record<string, readonly number[]>>): Record<string, Ratio> {
  const others = Object.entries(ns).filter(([name]) => name !== OURS);
  return Object.fromEntries(others.map(([name, times]) => [name, pairedRatio(times, ns[OURS] ?? [])]));
}

function report(
  name: string,
  request: { count: number; calls: number },
  ns: Record<string, number[]>,
  cpuNs?: Record<string, number[]>,
): CellReport {
  const perCall = (times: readonly number[]) => median(times) / 1_000 / request.calls;
  return {
    name,
    ...request,
    ns,
    ...(cpuNs === undefined ? {} : { cpuNs, timesAsFastByCpu: timesAsFast(cpuNs) }),
    microsecondsPerCall: Object.fromEntries(Object.entries(ns).map(([key, times]) => [key, perCall(times)])),
    timesAsFast: timesAsFast(ns),
  };
}

async function ask(contestant: Contestant, request: GatherRequest, sums: Map<string, number>): Promise<GatherAnswer> {
  const answer = await contestant.ask(request);
  sums.set(contestant.name, answer.checksum);
  return answer;
}

function checkSums(name: string, sums: ReadonlyMap<string, number>): void {
  if (new Set(sums.values()).size <= 1) return;
  throw new Error(`${name}: outputs differ: ${JSON.stringify(Object.fromEntries(sums))}`);
}

/** Gathers half as many rows as there are: 15 lie on a page, so hardly one is left that a process has not mapped. */
async function touchPages(contestants: readonly Contestant[]): Promise<void> {
  const calls = Math.ceil(rows / 2 / 4_096);
  const request: GatherRequest = { rowBytes: ROW_BYTES, rows, count: 4_096, calls, seed: 77_777, check: 0 };
  for (const contestant of contestants) await contestant.ask(request);
}

async function hotCell(contestants: readonly Contestant[], count: number, calls: number): Promise<CellReport> {
  const name = `hot, ${count} rows a call`;
  const ns: Record<string, number[]> = Object.fromEntries(contestants.map((one) => [one.name, []]));
  const cpuNs: Record<string, number[]> = Object.fromEntries(contestants.map((one) => [one.name, []]));
  // The first two rounds warm up and are not counted; the first and the last are checked.
  for (let round = -1; round <= rounds; round++) {
    const check = round === -1 || round === rounds ? 1 : 0;
    const seed = 1 + (round + 1) * 7_919;
    const request: GatherRequest = { rowBytes: ROW_BYTES, rows, count, calls, seed, check };
    const sums = new Map<string, number>();
    for (const contestant of round % 2 === 0 ? contestants : [...contestants].reverse()) {
      const answer = await ask(contestant, request, sums);
      if (round <= 0) continue;
      ns[contestant.name]?.push(answer.ns);
      cpuNs[contestant.name]?.push(answer.cpuNs);
    }
    checkSums(name, sums);
  }
  return report(name, { count, calls }, ns, cpuNs);
}

/** Asks the system to forget the pages of a contestant's files. */
function dropPages(entry: Entry): void {
  execFileSync(python, [file("../native/lmdb-peers.py"), "drop", entry.kind, folderOf(entry), "0"], { stdio: "pipe" });
}

/** Reads of the file of rows by a pool of threads in C: what the disk gives at this queue depth. */
function buildPread(): string | undefined {
  const program = join(folder, "pread");
  try {
    execFileSync("cc", ["-O2", "-pthread", "-o", program, file("../native/file-pread.c")], { stdio: "pipe" });
    return program;
  } catch (error) {
    console.error(`C pread is left out: ${lastLine(error)}`);
    return undefined;
  }
}

async function coldCell(entries: readonly Entry[], count: number, calls: number): Promise<CellReport> {
  const name = `cold, ${count} rows a call`;
  const ns: Record<string, number[]> = Object.fromEntries(entries.map((one) => [one.name, []]));
  const onFile = entries.find(({ kind }) => kind === "engramdb");
  const pread = onFile === undefined ? undefined : buildPread();
  for (let round = 0; round < Number(options["cold-rounds"]); round++) {
    const seed = 500_000 + round * 104_729;
    const request: GatherRequest = { rowBytes: ROW_BYTES, rows, count, calls, seed, check: 1 };
    const sums = new Map<string, number>();
    for (const entry of round % 2 === 0 ? entries : [...entries].reverse()) {
      dropPages(entry);
      const contestant = await startContestant(entry.name, commandOf(entry, "serve"));
      try {
        ns[entry.name]?.push((await ask(contestant, request, sums)).ns);
      } finally {
        contestant.close();
      }
    }
    if (onFile !== undefined && pread !== undefined) {
      dropPages(onFile);
      const path = join(folderOf(onFile), "shard_000.bin");
      const contestant = await startContestant(PREAD, [pread, path, `${COLD_THREADS}`]);
      try {
        ns[PREAD] = [...(ns[PREAD] ?? []), (await ask(contestant, request, sums)).ns];
      } finally {
        contestant.close();
      }
    }
    checkSums(name, sums);
  }
  return report(name, { count, calls }, ns);
}

async function run() {
  const { entries, loads } = loadAll();
  const hot = entries.filter(({ cells }) => cells.includes("hot"));
  const cold = entries.filter(({ cells }) => cells.includes("cold"));
  const contestants: Contestant[] = [];
  const cells: CellReport[] = [];
  const versions: Record<string, string> = {};
  try {
    for (const entry of hot) contestants.push(await startContestant(entry.name, commandOf(entry, "serve")));
    for (const { name, version } of contestants) versions[name] = version;
    await touchPages(contestants);
    cells.push(await hotCell(contestants, 48, 2_000));
    cells.push(await hotCell(contestants, 4_096, 25));
  } finally {
    for (const contestant of contestants) contestant.close();
  }
  try {
    cells.push(await coldCell(cold, 48, 100));
    cells.push(await coldCell(cold, 4_096, 2));
  } catch (error) {
    console.error(`cold reads are left out: ${lastLine(error)}`);
  }
  return { versions, loads, cells };
}

try {
  const { versions, loads, cells } = await run();
  const date = new Date().toISOString();
  const result = { benchmark: "lmdb", date, machine: machineCard(), rows, rounds, versions, loads, cells };
  if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(result, null, 1)}\n`);
  print(loads, cells);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function print(loads: Readonly<Record<string, object>>, cells: readonly CellReport[]): void {
  console.log(`loading ${rows} rows of ${ROW_BYTES} bytes`);
  for (const [name, load] of Object.entries(loads)) {
    const { megabytesPerSecond = 0, diskFactor = 0 } = load as { megabytesPerSecond?: number; diskFactor?: number }; // ours
    console.log(
      `  ${name.padEnd(26)} ${megabytesPerSecond.toFixed(0).padStart(5)} MB/s, ${diskFactor.toFixed(3)} times the rows on disk`,
    );
  }
  for (const cell of cells) {
    console.log(`\n${cell.name}`);
    for (const [name, us] of Object.entries(cell.microsecondsPerCall)) {
      const shown = ({ median: middle, low, high }: Ratio) =>
        `${middle.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;
      const ratio = cell.timesAsFast[name];
      const byCpu = cell.timesAsFastByCpu?.[name];
      const against =
        ratio === undefined
          ? ""
          : `; lmdbStore is ${shown(ratio)} times as fast${byCpu === undefined ? "" : `, by processor time ${shown(byCpu)}`}`;
      console.log(`  ${name.padEnd(26)} ${us.toFixed(1).padStart(8)} us a call${against}`);
    }
  }
}
