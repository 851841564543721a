// A process that takes part in the file benchmark: `file-contestant.js KIND FILE ROW_BYTES hot|cold`, where KIND is mapped
// or unmapped (fileStore), or read-sync (a readSync a row). Requests and answers are those of gather-workload.ts. Hot ones
// touch every page before they say that they are ready.

import { closeSync, openSync, readSync, statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { createInterface } from "node:readline";
import { fileStore } from "@engram-ts/store-file";
import { checksum, type GatherAnswer, type GatherRequest, parseRequest, workloadRowIds } from "./gather-workload.js";

interface Contest {
  readonly note: string;
  /** Reads rows; gives a promise only where it has to wait. */
  read(rowIds: Uint32Array, out: Uint8Array): Promise<void> | undefined;
}

const [, , kind = "", path = "", width = "", state = ""] = process.argv;
const rowBytes = Number(width);
const rows = Math.floor(statSync(path).size / rowBytes);

function openStore(mapping: "auto" | "off"): Contest {
  const data = { uri: basename(path), bytes: statSync(path).size, offset: 0, stride: rowBytes };
  const encoding = { kind: "fp8-e4m3", width: rowBytes, scale: 1 } as const; // what the bytes mean does not matter here
  const module = { layer: 0, rows, encoding, parts: [{ firstRow: 0, rows, data }] };
  const store = fileStore({ module, folder: dirname(path), mapping, queueDepth: 16 });
  return {
    note: store.diagnostics.mapping,
    read(rowIds, out) {
      const ticket = store.prefetch(rowIds);
      if (!ticket.settled) return later(ticket, out);
      ticket.gather(out);
      ticket.release();
      return undefined;
    },
  };
}

async function later(ticket: ReturnType<ReturnType<typeof fileStore>["prefetch"]>, out: Uint8Array): Promise<void> {
  await ticket.ready;
  ticket.gather(out);
  ticket.release();
}

function openPlain(): Contest {
  const descriptor = openSync(path, "r");
  process.on("exit", () => closeSync(descriptor));
  return {
    note: "a readSync a row",
    read(rowIds, out) {
      for (let i = 0; i < rowIds.length; i++) {
        readSync(descriptor, out, i * rowBytes, rowBytes, (rowIds[i] ?? 0) * rowBytes); // i < length
      }
      return undefined;
    },
  };
}

async function answer(contest: Contest, request: GatherRequest, out: Uint8Array): Promise<GatherAnswer> {
  const { count, calls, check } = request;
  const ids = workloadRowIds(request);
  const batches = Array.from({ length: calls }, (_, call) => ids.subarray(call * count, (call + 1) * count));
  const cpu = process.cpuUsage();
  const start = process.hrtime.bigint();
  for (const batch of batches) {
    const reading = contest.read(batch, out);
    if (reading !== undefined) await reading;
  }
  const ns = Number(process.hrtime.bigint() - start);
  const { user, system } = process.cpuUsage(cpu); // microseconds
  return { ns, cpuNs: (user + system) * 1_000, checksum: check === 1 ? checksum(out) : 0 };
}

const contest = kind === "read-sync" ? openPlain() : openStore(kind === "mapped" ? "auto" : "off");
if (state === "hot") {
  const perPage = Math.max(1, Math.floor(4096 / rowBytes));
  const batch = Uint32Array.from({ length: 4096 }, (_, i) => i * perPage);
  const out = new Uint8Array(batch.length * rowBytes);
  for (let first = 0; first < rows; first += 4096 * perPage) {
    await contest.read(
      batch.map((row) => Math.min(rows - 1, first + row)),
      out,
    );
  }
}
console.log(JSON.stringify({ ready: true, version: `Node ${process.versions.node}, ${contest.note}` }));
const outputs = new Map<number, Uint8Array>();
for await (const line of createInterface({ input: process.stdin })) {
  const request = parseRequest(line);
  const out = outputs.get(request.count) ?? new Uint8Array(request.count * rowBytes).fill(1);
  outputs.set(request.count, out);
  console.log(JSON.stringify(await answer(contest, request, out)));
}
