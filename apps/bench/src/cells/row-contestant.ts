// A process that takes part in cells about rows: opens a table by URI, any tier or stack, and answers requests (request.ts).
//   row-contestant.js '{"uri":"file:/t","layer":1,"ids":"/t/calls.u32","count":24}'
// `ids` is a file of 32-bit row ids, `[calls, count]`; `touch` reads every call once before it is ready; `timesSlower` makes
// the store do so many times the work, to try out what the harness calls a regression.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { RowStore, Ticket } from "@engram-ts/core";
import { openTablesAt } from "./open-store.js";
import { parseRequest } from "./request.js";
import { type Call, runRound } from "./round-loops.js";
import { slowed } from "./slowed.js";
import { checksum } from "./table-words.js";

/** What the process is told. */
export interface RowContestantOptions {
  readonly uri: string;
  readonly layer: number;
  readonly ids: string;
  readonly count: number;
  readonly touch?: boolean;
  readonly timesSlower?: number;
}

const options = JSON.parse(process.argv[2] ?? "{}") as RowContestantOptions; // by the harness that starts this
const { count } = options;
const bytes = readFileSync(options.ids);
const ids = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const listed = ids.length / count;
const opened = await openTablesAt(options.uri, [options.layer]);
const found = opened.tables.get(options.layer);
if (found === undefined) throw new Error(`${options.uri} has no table of layer ${options.layer}`);
const store: RowStore = options.timesSlower === undefined ? found : slowed(found, options.timesSlower);
const { rowBytes } = store.table;

const outputs = new Map<number, Uint8Array>();
function outputOf(slot: number): Uint8Array {
  const known = outputs.get(slot);
  if (known !== undefined) return known;
  const made = new Uint8Array(count * rowBytes).fill(1);
  outputs.set(slot, made);
  return made;
}

const call: Call = (index, slot) => {
  const ticket = store.prefetch(ids.subarray(index * count, (index + 1) * count));
  const out = outputOf(slot);
  if (!ticket.settled || ticket.error !== undefined) return later(ticket, out);
  ticket.gather(out);
  ticket.release();
  return undefined;
};

async function later(ticket: Ticket, out: Uint8Array): Promise<void> {
  try {
    await ticket.ready;
    ticket.gather(out);
  } finally {
    ticket.release();
  }
}

if (options.touch === true) {
  for (let index = 0; index < listed; index++) await call(index, 0);
}
console.log(JSON.stringify({ ready: true, version: `Node ${process.versions.node}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const request = parseRequest(line);
  const answer = await runRound(call, listed, request);
  const sum = request.check === 1 ? { checksum: checksum(outputOf(0)) } : {};
  console.log(JSON.stringify({ ...answer, ...sum, hits: store.stats().hits }));
}
