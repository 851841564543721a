// A process that takes part in the gather benchmark: `gather-contestant.js KIND TABLE_BYTES ROW_BYTES`, where KIND is
// dram (dramStore), dram-huge (on huge pages), dram-direct (the same, to an output that the store allocated) or subarray
// (a plain loop over an ArrayBuffer). Requests come as lines on standard input, answers go as lines of JSON to standard
// output (gather-workload.ts). Started by gather.ts.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { tableInfo } from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import {
  checksum,
  fillTable,
  type GatherAnswer,
  type GatherRequest,
  parseRequest,
  workloadRowIds,
} from "./gather-workload.js";

interface Contest {
  readonly note: string;
  gather(rowIds: Uint32Array, out: Uint8Array): void;
  /** An output of so many bytes. */
  output(bytes: number): Uint8Array;
}

const plainOutput = (bytes: number) => new Uint8Array(bytes).fill(1);

/** Rows of the store need an encoding; what the bytes mean does not matter here. */
function openDram(tableBytes: number, rowBytes: number, kind: string): Contest {
  const rows = Math.floor(tableBytes / rowBytes);
  const store = dramStore({
    table: tableInfo({ rows, encoding: { kind: "fp8-e4m3", width: rowBytes, scale: 1 } }),
    hugePages: kind === "dram" ? "off" : "auto",
    initialize: (firstRow, bytes) => fillTable(firstRow * rowBytes, bytes),
  });
  return {
    note: `${store.diagnostics.kernel}, huge pages ${store.diagnostics.hugePages}`,
    output: kind === "dram-direct" ? (bytes) => store.allocate(bytes).fill(1) : plainOutput,
    gather(rowIds, out) {
      const ticket = store.prefetch(rowIds);
      ticket.gather(out);
      ticket.release();
    },
  };
}

function openSubarray(tableBytes: number, rowBytes: number): Contest {
  const table = new Uint8Array(tableBytes);
  fillTable(0, table);
  return {
    note: "out.set(table.subarray(...)) over an ArrayBuffer",
    output: plainOutput,
    gather(rowIds, out) {
      for (let i = 0; i < rowIds.length; i++) {
        const from = (rowIds[i] ?? 0) * rowBytes; // i < length
        out.set(table.subarray(from, from + rowBytes), i * rowBytes);
      }
    },
  };
}

function answer({ gather }: Contest, request: GatherRequest, out: Uint8Array): GatherAnswer {
  const { count, calls, check } = request;
  const ids = workloadRowIds(request);
  const batches = Array.from({ length: calls }, (_, call) => ids.subarray(call * count, (call + 1) * count));
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  for (const batch of batches) gather(batch, out);
  const ns = Number(process.hrtime.bigint() - start);
  const { user, system } = process.cpuUsage(cpu); // microseconds
  return { ns, cpuNs: (user + system) * 1_000, checksum: check === 1 ? checksum(out) : 0 };
}

/** Linux: what part of this process's memory lies on huge pages. */
function hugePageBytes(): number {
  try {
    return Number(/^AnonHugePages:\s+(\d+) kB/m.exec(readFileSync("/proc/self/smaps_rollup", "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

const [kind = "", tableBytes, rowBytes] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])];
const contest = kind === "subarray" ? openSubarray(tableBytes, rowBytes) : openDram(tableBytes, rowBytes, kind);
const pages = `${(hugePageBytes() / 2 ** 30).toFixed(2)} GiB on huge pages`;
console.log(JSON.stringify({ ready: true, version: `Node ${process.versions.node}, ${contest.note}, ${pages}` }));
const outputs = new Map<number, Uint8Array>();
for await (const line of createInterface({ input: process.stdin })) {
  const request = parseRequest(line);
  const out = outputs.get(request.count) ?? contest.output(request.count * rowBytes);
  outputs.set(request.count, out);
  console.log(JSON.stringify(answer(contest, request, out)));
}
