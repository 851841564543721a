// Benchmark: random rows gathered from a 2 GiB table in memory, dramStore against numpy.take, a C memcpy loop and a plain
// JS loop; each contestant a process of its own, asked in turn, in alternating order, outputs compared by checksum.
//   node apps/bench/dist/gather.js [--json] [--out FILE] [--rounds 9] [--bytes 2147483648]
// numpy is taken from $ENGRAM_PYTHON or python3. Also: cost per row from 1M to 16M rows, and decoding by encoding.

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { decodeThroughput } from "./gather-decode.js";
import { type Contestant, startContestants } from "./gather-processes.js";
import { median, pairedRatio, type Ratio } from "./gather-statistics.js";
import type { GatherRequest } from "./gather-workload.js";
import { machineCard } from "./machine-card.js";

interface Cell {
  readonly name: string;
  readonly rowBytes: number;
  readonly rows: number;
  readonly count: number;
  readonly calls: number;
}

interface CellReport extends Cell {
  /** Nanoseconds of each round by the clock, all calls together. */
  readonly ns: Readonly<Record<string, readonly number[]>>;
  /** Nanoseconds of processor time of the same calls. */
  readonly cpuNs: Readonly<Record<string, readonly number[]>>;
  readonly rowsPerSecond: Readonly<Record<string, number>>;
  readonly microsecondsPerCall: Readonly<Record<string, number>>;
  /** How many times as fast as each peer the dramStore contestants are, in pairs. */
  readonly timesAsFast: Readonly<Record<string, Readonly<Record<string, Ratio>>>>;
  /** The same by processor time. */
  readonly timesAsFastByCpu: Readonly<Record<string, Readonly<Record<string, Ratio>>>>;
}

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    out: { type: "string" },
    rounds: { type: "string", default: "9" },
    bytes: { type: "string", default: `${2 ** 31}` },
  },
});
const rounds = Number(options.rounds);
const tableBytes = Number(options.bytes);
const OURS = ["dram-direct", "dram-huge", "dram"];
const BATCH = 262_144;

function cellsOf(rowBytes: number): readonly Cell[] {
  const rows = Math.floor(tableBytes / rowBytes);
  const large = (name: string, some: number): Cell => ({ name, rowBytes, rows: some, count: BATCH, calls: 1 });
  const cells = [large(`${rowBytes} bytes, ${BATCH} rows a call`, rows)];
  for (const millions of [1, 4, 16]) {
    const some = millions * 2 ** 20;
    if (rowBytes === 128 && some <= rows) cells.push(large(`${millions}M rows`, some));
  }
  cells.push({ name: `${rowBytes} bytes, 48 rows a call`, rowBytes, rows, count: 48, calls: 2_000 });
  cells.push({ name: `${rowBytes} bytes, 48 hot rows a call`, rowBytes, rows: 2_048, count: 48, calls: 5_000 });
  return cells;
}

async function runCell(cell: Cell, contestants: readonly Contestant[]): Promise<CellReport> {
  const series = (): Record<string, number[]> => Object.fromEntries(contestants.map(({ name }) => [name, []]));
  const ns = series();
  const cpuNs = series();
  const { rowBytes, rows, count, calls } = cell;
  // The first round warms up and is not counted; it and the last are checked.
  for (let round = 0; round <= rounds; round++) {
    const check = round === 0 || round === rounds ? 1 : 0;
    const request: GatherRequest = { rowBytes, rows, count, calls, seed: 1 + round * 7_919, check };
    const sums = new Map<string, number>();
    for (const contestant of round % 2 === 0 ? contestants : [...contestants].reverse()) {
      const answer = await contestant.ask(request);
      if (round > 0) {
        ns[contestant.name]?.push(answer.ns);
        cpuNs[contestant.name]?.push(answer.cpuNs);
      }
      sums.set(contestant.name, answer.checksum);
    }
    if (new Set(sums.values()).size > 1) {
      throw new Error(`${cell.name}: outputs differ: ${JSON.stringify(Object.fromEntries(sums))}`);
    }
  }
  const perContestant = (value: (times: readonly number[]) => number) =>
    Object.fromEntries(Object.entries(ns).map(([name, times]) => [name, value(times)]));
  return {
    ...cell,
    ns,
    cpuNs,
    rowsPerSecond: perContestant((times) => (count * calls * 1e9) / median(times)),
    microsecondsPerCall: perContestant((times) => median(times) / 1_000 / calls),
    timesAsFast: ratiosToPeers(ns),
    timesAsFastByCpu: ratiosToPeers(cpuNs),
  };
}

function ratiosToPeers(times: Readonly<Record<string, readonly number[]>>): Record<string, Record<string, Ratio>> {
  const peers = Object.entries(times).filter(([name]) => !OURS.includes(name));
  const against = (own: readonly number[]) =>
    Object.fromEntries(peers.map(([name, theirs]) => [name, pairedRatio(theirs, own)]));
  return Object.fromEntries(OURS.map((ours) => [ours, against(times[ours] ?? [])]));
}

const cells: CellReport[] = [];
const versions: Record<string, string> = {};
for (const rowBytes of [128, 264]) {
  const contestants = await startContestants(tableBytes, rowBytes);
  try {
    for (const { name, version } of contestants) versions[name] = version;
    for (const cell of cellsOf(rowBytes)) cells.push(await runCell(cell, contestants));
  } finally {
    for (const contestant of contestants) contestant.close();
  }
}

/** Cost of a row among 16M rows, in costs of a row among 1M, for each of ours, in pairs. */
const growth = Object.fromEntries(
  OURS.map((ours) => {
    const times = (name: string) => cells.find((cell) => cell.name === name)?.ns[ours] ?? [];
    return [ours, pairedRatio(times("16M rows"), times("1M rows"))];
  }),
);
const report = {
  benchmark: "gather",
  date: new Date().toISOString(),
  machine: machineCard(),
  cacheState: "tables resident, ids random, processor caches as the contestants before left them; one round to warm up",
  tableBytes,
  rounds,
  versions,
  cells,
  growthFrom1MTo16MRows: growth,
  decode: decodeThroughput(Math.min(rounds, 7)),
};
if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(report, null, 1)}\n`);
if (options.json) console.log(JSON.stringify(report));
else print();

function print(): void {
  const ratio = ({ median: middle, low, high }: Ratio) => `${middle.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;
  for (const cell of cells) {
    console.log(`\n${cell.name}, random among ${cell.rows} rows of ${cell.rowBytes} bytes`);
    for (const [name, rate] of Object.entries(cell.rowsPerSecond)) {
      const perCall = cell.microsecondsPerCall[name] ?? Number.NaN;
      const best = (Math.min(...(cell.ns[name] ?? [])) / cell.calls / 1_000).toFixed(1);
      const line = `  ${name.padEnd(12)} ${(rate / 1e6).toFixed(2).padStart(7)} M rows/s  ${perCall.toFixed(1)} us a call (best ${best})`;
      console.log(line);
    }
    for (const ours of OURS) {
      const against = Object.entries(cell.timesAsFast[ours] ?? {}).map(([peer, times]) => `${peer} ${ratio(times)}`);
      console.log(`  ${ours} is times as fast as: ${against.join(", ")}`);
      const byCpu = Object.entries(cell.timesAsFastByCpu[ours] ?? {}).map(([peer, times]) => `${peer} ${ratio(times)}`);
      console.log(`    by processor time: ${byCpu.join(", ")}`);
    }
  }
  for (const [ours, times] of Object.entries(growth)) {
    console.log(`\n${ours}: cost of a row among 16M rows over 1M rows: ${ratio(times)}`);
  }
  console.log("\ndecode, random rows of 256 values from a resident table");
  for (const one of report.decode) {
    const rate = `${(one.rowsPerSecond / 1e6).toFixed(2).padStart(7)} M rows/s`;
    console.log(
      `  ${one.encoding.padEnd(14)} ${rate}, ${ratio(one.timesAsFastAsTypeScript)} times the TypeScript twin`,
    );
  }
}
