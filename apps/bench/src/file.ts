// Benchmark: random rows of 264 bytes out of a file. Hot, with every page in the system's cache and touched: fileStore,
// mapped and not, against numpy.memmap and a readSync loop. Cold, a fresh process each and the file dropped from the cache:
// against a C program that does the same reads, so many at once. Outputs are compared by checksum.
//   node apps/bench/dist/file.js [--json] [--out FILE] [--rounds 9] [--cold-rounds 5] [--rows 4194304] [--folder DIR]
// numpy is taken from $ENGRAM_PYTHON or python3. Takes some two minutes. The folder must be on the disk that is meant.

import { execFileSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { type Contestant, startContestant } from "./gather-processes.js";
import { median, pairedRatio, type Ratio } from "./gather-statistics.js";
import { fillTable, type GatherRequest } from "./gather-workload.js";
import { machineCard } from "./machine-card.js";

const ROW_BYTES = 264;
/** Cold contestants first read in so small a share of the table. */
const WARM_UP_SHARE = 64;
const BLOCK_BYTES = 2 ** 20 * 33; // whole rows, whole words

interface Cell {
  readonly name: string;
  readonly state: "hot" | "cold";
  readonly count: number;
  readonly calls: number;
  readonly rounds: number;
}

interface CellReport extends Cell {
  /** Nanoseconds of each round, all calls together, by contestant. */
  readonly ns: Readonly<Record<string, readonly number[]>>;
  readonly rowsPerSecond: Readonly<Record<string, number>>;
  readonly microsecondsPerCall: Readonly<Record<string, number>>;
  /** How many times as fast as each peer ours are, in pairs. */
  readonly timesAsFast: Readonly<Record<string, Readonly<Record<string, Ratio>>>>;
  /** Cold: the greatest share of the file's pages that were still in the cache when a round began. */
  readonly residentShare?: number;
}

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    out: { type: "string" },
    rounds: { type: "string", default: "9" },
    "cold-rounds": { type: "string", default: "5" },
    rows: { type: "string", default: `${2 ** 22}` },
    folder: { type: "string", default: tmpdir() },
  },
});
const rounds = Number(options.rounds);
const coldRounds = Number(options["cold-rounds"]);
const rows = Number(options.rows);
const OURS = ["mapped", "unmapped"];
const folder = mkdtempSync(join(options.folder, "engram-file-"));
const path = join(folder, "table.rows");

const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const node = (kind: string, state: string) => [
  process.execPath,
  file("file-contestant.js"),
  kind,
  path,
  `${ROW_BYTES}`,
  state,
];
const numpy = (kind: string, state: string) => [
  process.env.ENGRAM_PYTHON ?? "python3",
  file("../native/file.py"),
  kind,
  path,
  `${ROW_BYTES}`,
  state,
];

function writeTable(): void {
  const descriptor = openSync(path, "w");
  const block = new Uint8Array(BLOCK_BYTES);
  for (let at = 0; at < rows * ROW_BYTES; at += BLOCK_BYTES) {
    fillTable(at, block);
    writeSync(descriptor, block, 0, Math.min(BLOCK_BYTES, rows * ROW_BYTES - at));
  }
  closeSync(descriptor);
}

function buildC(): string | undefined {
  const program = join(folder, "file-pread");
  try {
    execFileSync("cc", ["-O2", "-pthread", "-o", program, file("../native/file-pread.c")], { stdio: "pipe" });
    return program;
  } catch (error) {
    console.error(`C and all cold cells are left out: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

type Commands = readonly (readonly [name: string, command: readonly string[]])[];

async function started(name: string, command: readonly string[]): Promise<Contestant | undefined> {
  try {
    return await startContestant(name, command);
  } catch (error) {
    console.error(`${name} is left out: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

const versions: Record<string, string> = {};

const requestOf = ({ count, calls }: Cell, round: number, check: 0 | 1): GatherRequest => {
  return { rowBytes: ROW_BYTES, rows, count, calls, seed: 1 + round * 7_919_000, check };
};

function checkSums(cell: Cell, sums: ReadonlyMap<string, number>): void {
  if (new Set(sums.values()).size < 2) return;
  throw new Error(`${cell.name}: outputs differ: ${JSON.stringify(Object.fromEntries(sums))}`);
}

/** The contestants of a hot cell live through it; the first round warms up and is not counted. */
async function hotCells(cells: readonly Cell[]): Promise<CellReport[]> {
  const commands: Commands = [
    ["mapped", node("mapped", "hot")],
    ["unmapped", node("unmapped", "hot")],
    ["readSync loop", node("read-sync", "hot")],
    ["numpy memmap[ids]", numpy("index", "hot")],
    ["numpy.take(memmap)", numpy("take", "hot")],
  ];
  const contestants: Contestant[] = [];
  try {
    for (const [name, command] of commands) {
      const contestant = await started(name, command);
      if (contestant === undefined) continue;
      versions[name] = contestant.version;
      contestants.push(contestant);
    }
    const reports: CellReport[] = [];
    for (const cell of cells) {
      const ns = new Map<string, number[]>(contestants.map(({ name }) => [name, []]));
      for (let round = 0; round <= cell.rounds; round++) {
        const check = round === 0 || round === cell.rounds ? 1 : 0;
        const sums = new Map<string, number>();
        for (const contestant of round % 2 === 0 ? contestants : [...contestants].reverse()) {
          const answer = await contestant.ask(requestOf(cell, round, check));
          if (round > 0) ns.get(contestant.name)?.push(answer.ns);
          sums.set(contestant.name, answer.checksum);
        }
        checkSums(cell, sums);
      }
      reports.push(reportOf(cell, ns));
    }
    return reports;
  } finally {
    for (const contestant of contestants) contestant.close();
  }
}

/** Drops the table from the system's cache; gives the share of its pages that stayed, as those in a page table do. */
function drop(program: string): number {
  const line = execFileSync(program, [path, "drop"], { encoding: "utf8" });
  const { pages, resident } = JSON.parse(line) as { pages: number; resident: number }; // our own program's
  return resident / pages;
}

/** A process for each contestant and round, started before the cache is dropped and asked once. */
async function coldCell(cell: Cell, program: string): Promise<CellReport> {
  const commands: Commands = [
    ["mapped", node("mapped", "cold")],
    ["unmapped", node("unmapped", "cold")],
    ["C pread, 16 at once", [program, path, "16"]],
    ["C pread, 64 at once", [program, path, "64"]],
  ];
  const ns = new Map<string, number[]>(commands.map(([name]) => [name, []]));
  let residentShare = 0;
  for (let round = 0; round < cell.rounds; round++) {
    const sums = new Map<string, number>();
    for (const [name, command] of round % 2 === 0 ? commands : [...commands].reverse()) {
      const contestant = await startContestant(name, command);
      try {
        versions[name] ??= contestant.version;
        // Cold rows, but compiled code: some calls in a part of the table that the cell seldom asks for.
        drop(program);
        await contestant.ask({
          ...requestOf(cell, round, 0),
          count: 48,
          calls: 60,
          rows: Math.ceil(rows / WARM_UP_SHARE),
        });
        residentShare = Math.max(residentShare, drop(program));
        const answer = await contestant.ask(requestOf(cell, round, 1));
        ns.get(name)?.push(answer.ns);
        sums.set(name, answer.checksum);
      } finally {
        contestant.close();
      }
    }
    checkSums(cell, sums);
  }
  return { ...reportOf(cell, ns), residentShare };
}

function reportOf(cell: Cell, ns: ReadonlyMap<string, readonly number[]>): CellReport {
  const perContestant = (value: (times: readonly number[]) => number) =>
    Object.fromEntries([...ns].map(([name, times]) => [name, value(times)]));
  const timesAsFast = Object.fromEntries(
    OURS.map((ours) => {
      const peers = [...ns].filter(([name]) => !OURS.includes(name));
      return [ours, Object.fromEntries(peers.map(([name, times]) => [name, pairedRatio(times, ns.get(ours) ?? [])]))];
    }),
  );
  const { count, calls } = cell;
  return {
    ...cell,
    ns: Object.fromEntries(ns),
    rowsPerSecond: perContestant((times) => (count * calls * 1e9) / median(times)),
    microsecondsPerCall: perContestant((times) => median(times) / 1_000 / calls),
    timesAsFast,
  };
}

const cells: CellReport[] = [];
try {
  process.env.UV_THREADPOOL_SIZE ??= "16"; // the contestants', as deep as the C program's first
  writeTable();
  const hot = (count: number, calls: number): Cell => {
    return { name: `hot, ${count} rows a call`, state: "hot", count, calls, rounds };
  };
  cells.push(...(await hotCells([hot(48, 2_000), hot(4_096, 24), hot(65_536, 2)])));
  const program = buildC();
  if (program !== undefined) {
    for (const [count, calls] of [
      [48, 40],
      [98_304, 1],
    ] as const) {
      const name = `cold, ${count} rows a call`;
      cells.push(await coldCell({ name, state: "cold", count, calls, rounds: coldRounds }, program));
    }
  }
} finally {
  rmSync(folder, { recursive: true });
}

/** Rows a second of a cold prefill chunk over those of cold 48-row calls. */
const [few, many] = [48, 98_304].map((count) => cells.find((cell) => cell.state === "cold" && cell.count === count));
const prefill = Object.fromEntries(
  Object.entries(many?.rowsPerSecond ?? {}).map(([name, rate]) => [
    name,
    rate / (few?.rowsPerSecond[name] ?? Number.NaN),
  ]),
);
const report = {
  benchmark: "file",
  date: new Date().toISOString(),
  machine: machineCard(),
  rowBytes: ROW_BYTES,
  rows,
  threadPool: process.env.UV_THREADPOOL_SIZE,
  versions,
  cells,
  coldPrefillOverCold48: prefill,
};
if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(report, null, 1)}\n`);
if (options.json) console.log(JSON.stringify(report));
else print();

function print(): void {
  const ratio = ({ median: middle, low, high }: Ratio) => `${middle.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;
  for (const cell of cells) {
    const left =
      cell.residentShare === undefined ? "" : `, at most ${(cell.residentShare * 100).toFixed(1)} % in the cache`;
    console.log(`\n${cell.name}, random among ${rows} rows of ${ROW_BYTES} bytes${left}`);
    for (const [name, rate] of Object.entries(cell.rowsPerSecond)) {
      const perCall = (cell.microsecondsPerCall[name] ?? Number.NaN).toFixed(1);
      console.log(`  ${name.padEnd(20)} ${(rate / 1e6).toFixed(3).padStart(7)} M rows/s  ${perCall} us a call`);
    }
    for (const ours of OURS) {
      const against = Object.entries(cell.timesAsFast[ours] ?? {}).map(([peer, times]) => `${peer} ${ratio(times)}`);
      console.log(`  ${ours} is times as fast as: ${against.join(", ")}`);
    }
  }
  for (const [name, times] of Object.entries(prefill)) {
    console.log(`${name}: a cold chunk of 98,304 rows at ${times.toFixed(1)} times the rate of 48-row calls`);
  }
}
