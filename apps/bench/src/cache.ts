// Benchmark: rows that are in a cache, prefetched, gathered and released: `cached` over a store in memory, that store
// itself, and a Map from row id to bytes as a caller would write it. One process, contestants in turn, in alternating
// order, outputs checked before and after. Hit ratios on real text are another benchmark's business.
//   node apps/bench/dist/cache.js [--json] [--out FILE] [--rounds 9] [--rows 262144]

import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { cached, type RowStore, tableInfo } from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import { fillRows, findWrongRow } from "@engram-ts/store-kit";
import { median, pairedRatio, type Ratio } from "./gather-statistics.js";
import { machineCard } from "./machine-card.js";

const { values: options } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    out: { type: "string" },
    rounds: { type: "string", default: "9" },
    rows: { type: "string", default: "262144" },
  },
});
const rounds = Number(options.rounds);
const rows = Number(options.rows);
const SEED = 20260112;
const BATCHES = 64; // different ones, so that the rows of one call are not in the processor's caches from the last

/** The 264-byte row of DeepSeek-V4.1. */
const table = tableInfo({ rows, encoding: { kind: "fp8-e4m3-e8m0", width: 256 } });

type Read = (rowIds: Uint32Array, out: Uint8Array) => void;

interface Cell {
  readonly name: string;
  readonly rows: number;
  readonly calls: number;
}

interface CellReport extends Cell {
  /** Microseconds a call, by round. */
  readonly us: Readonly<Record<string, readonly number[]>>;
  readonly medianUs: Readonly<Record<string, number>>;
  readonly nsPerRow: Readonly<Record<string, number>>;
  /** How many times as long as each other contestant `cached` takes, in pairs. */
  readonly timesAsLong: Readonly<Record<string, Ratio>>;
}

const memory = dramStore({ table, initialize: (firstRow, bytes) => fillRows(table, SEED, firstRow, bytes) });
const cache = cached(memory, { bytes: rows * table.rowBytes });
const map = new Map<number, Uint8Array>();
for (let first = 0; first < rows; first += 4096) {
  const ids = Uint32Array.from({ length: Math.min(4096, rows - first) }, (_, i) => first + i);
  const bytes = new Uint8Array(ids.length * table.rowBytes);
  readThrough(cache)(ids, bytes);
  ids.forEach((row, i) => {
    map.set(row, bytes.subarray(i * table.rowBytes, (i + 1) * table.rowBytes));
  });
}

const contestants: Readonly<Record<string, Read>> = {
  cached: readThrough(cache),
  dramStore: readThrough(memory),
  Map: (rowIds, out) => {
    for (let i = 0; i < rowIds.length; i++) {
      const row = map.get(rowIds[i] ?? 0);
      if (row !== undefined) out.set(row, i * table.rowBytes);
    }
  },
};

function readThrough(store: RowStore): Read {
  return (rowIds, out) => {
    const ticket = store.prefetch(rowIds);
    ticket.gather(out);
    ticket.release();
  };
}

/** Random rows, the same in every run. */
function batchesOf(count: number): readonly Uint32Array[] {
  let state = 7;
  const next = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * rows);
  };
  return Array.from({ length: BATCHES }, () => Uint32Array.from({ length: count }, next));
}

function check(name: string, read: Read, batch: Uint32Array): void {
  const out = new Uint8Array(batch.length * table.rowBytes);
  read(batch, out);
  const wrong = findWrongRow(table, SEED, batch, out);
  if (wrong !== -1) throw new Error(`${name}: row ${batch[wrong]} at ${wrong} is not the row of the table`);
}

function runCell(cell: Cell): CellReport {
  const batches = batchesOf(cell.rows);
  const out = new Uint8Array(cell.rows * table.rowBytes);
  const us: Record<string, number[]> = Object.fromEntries(Object.keys(contestants).map((name) => [name, []]));
  const entries = Object.entries(contestants);
  // The first round warms up and is not counted; before it and after the last, outputs are checked.
  for (let round = 0; round <= rounds; round++) {
    for (const [name, read] of round % 2 === 0 ? entries : entries.toReversed()) {
      if (round === 0) check(name, read, batches[0] ?? new Uint32Array(0));
      const start = process.hrtime.bigint();
      for (let call = 0; call < cell.calls; call++) read(batches[call % BATCHES] ?? new Uint32Array(0), out);
      const ns = Number(process.hrtime.bigint() - start);
      if (round > 0) us[name]?.push(ns / cell.calls / 1_000);
      if (round === rounds) check(name, read, batches.at(-1) ?? new Uint32Array(0));
    }
  }
  const medianUs = Object.fromEntries(Object.entries(us).map(([name, times]) => [name, median(times)]));
  return {
    ...cell,
    us,
    medianUs,
    nsPerRow: Object.fromEntries(Object.entries(medianUs).map(([name, time]) => [name, (time * 1_000) / cell.rows])),
    timesAsLong: Object.fromEntries(
      Object.entries(us)
        .filter(([name]) => name !== "cached")
        .map(([name, times]) => [name, pairedRatio(us.cached ?? [], times)]),
    ),
  };
}

const report = {
  benchmark: "cache",
  date: new Date().toISOString(),
  machine: machineCard(),
  node: process.version,
  rows,
  rowBytes: table.rowBytes,
  cacheState: "every row is in the cache; 64 different random batches in turn",
  rounds,
  cells: [
    runCell({ name: "48 rows a call", rows: 48, calls: 4_000 }),
    runCell({ name: "65,536 rows a call", rows: 65_536, calls: 4 }),
  ],
};
if (cache.stats().failures > 0 || cache.stats().hits.cache === 0) throw new Error("the cache was not read");
if (options.out !== undefined) writeFileSync(options.out, `${JSON.stringify(report, null, 1)}\n`);
if (options.json) console.log(JSON.stringify(report));
else {
  for (const cell of report.cells) {
    console.log(`\n${cell.name}, random among ${rows} rows of ${table.rowBytes} bytes, all in the cache`);
    for (const [name, time] of Object.entries(cell.medianUs)) {
      const ratio = cell.timesAsLong[name];
      const against =
        ratio && `; cached takes ${ratio.median.toFixed(2)} (${ratio.low.toFixed(2)}-${ratio.high.toFixed(2)})`;
      console.log(
        `  ${name.padEnd(10)} ${time.toFixed(1)} us a call, ${cell.nsPerRow[name]?.toFixed(0)} ns a row${against ?? ""}`,
      );
    }
  }
}
await cache.close();
