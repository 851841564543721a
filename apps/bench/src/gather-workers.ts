// Benchmark: what worker threads bring to large batches: dramStore with two threads against the same without, batches of
// random rows of 128 bytes from 1 GiB, in alternating order, outputs compared. Times from prefetch to gathered rows, and
// how long of it the caller's own thread is kept busy.
//   node apps/bench/dist/gather-workers.js [rounds, default 11]. Prints lines for people, then JSON.

import { tableInfo } from "@engram-ts/core";
import { type DramStore, dramStore } from "@engram-ts/store-dram";
import { median, pairedRatio } from "./gather-statistics.js";
import { checksum, fillTable, workloadRowIds } from "./gather-workload.js";
import { machineCard } from "./machine-card.js";

const ROW_BYTES = 128;
const ROWS = 2 ** 30 / ROW_BYTES;
const THREADS = 2;
const COUNTS = [16_384, 262_144, 1_048_576];

/** Milliseconds of each round. */
interface Series {
  readonly totalMs: number[];
  /** Of the caller's thread, in prefetch and gather. */
  readonly busyMs: number[];
}

function open(workers: number): DramStore {
  return dramStore({
    table: tableInfo({ rows: ROWS, encoding: { kind: "fp8-e4m3", width: ROW_BYTES, scale: 1 } }),
    workers,
    initialize: (firstRow, bytes) => fillTable(firstRow * ROW_BYTES, bytes),
  });
}

async function gatherOnce(store: DramStore, rowIds: Uint32Array, out: Uint8Array, into?: Series): Promise<void> {
  const start = performance.now();
  const ticket = store.prefetch(rowIds);
  const asked = performance.now();
  await ticket.ready;
  const ready = performance.now();
  ticket.gather(out);
  ticket.release();
  const end = performance.now();
  into?.totalMs.push(end - start);
  into?.busyMs.push(asked - start + (end - ready));
}

async function compare(count: number, rounds: number, stores: readonly [DramStore, DramStore]) {
  const outs = [new Uint8Array(count * ROW_BYTES), new Uint8Array(count * ROW_BYTES)] as const;
  const alone: Series = { totalMs: [], busyMs: [] };
  const threads: Series = { totalMs: [], busyMs: [] };
  for (let round = 0; round <= rounds; round++) {
    const seed = round * 7_919;
    const rowIds = workloadRowIds({ rowBytes: ROW_BYTES, rows: ROWS, count, calls: 1, seed, check: 0 });
    for (const which of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const series = which === 0 ? alone : threads;
      await gatherOnce(stores[which], rowIds, outs[which], ...(round > 0 ? [series] : [])); // the first warms up
    }
    const sums = outs.map(checksum);
    if (sums[0] !== sums[1]) throw new Error(`${count} rows: outputs differ: ${sums.join(", ")}`);
  }
  return { count, alone, threads, timesAsFast: pairedRatio(alone.totalMs, threads.totalMs) };
}

const rounds = Number(process.argv[2] ?? "11");
const stores = [open(0), open(THREADS)] as const;
const cells = [];
for (const count of COUNTS) cells.push(await compare(count, rounds, stores));
await Promise.all(stores.map((store) => store.close()));
for (const { count, alone, threads, timesAsFast } of cells) {
  const ms = (values: readonly number[]) => `${median(values).toFixed(2)} ms`;
  const { median: middle, low, high } = timesAsFast;
  const ratio = `${middle.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;
  const busy = `the caller busy for ${ms(threads.busyMs)}`;
  console.log(
    `${count} rows: ${ms(alone.totalMs)} alone, ${ms(threads.totalMs)} with ${THREADS} threads, ${busy}; ${ratio}`,
  );
}
const head = { benchmark: "gather-workers", date: new Date().toISOString(), machine: machineCard() };
console.log(JSON.stringify({ ...head, rowBytes: ROW_BYTES, rows: ROWS, threads: THREADS, rounds, cells }));
