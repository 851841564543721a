// A process that takes part in cells about rows: opens a table by URI, any tier or stack, and answers requests (request.ts).
//   row-contestant.js '{"uri":"file:/t","layer":1,"ids":"/t/calls.u32","count":24}'
// `ids` is a file of 32-bit row ids, `[calls, count]`; `touch` reads every call once before it is ready; `store` says how it
// is opened; `output: "own"` has rows written to the store's own memory; `values` decodes them to float32; `timesSlower`
// makes the store do so many times the work, to try out what the harness calls a regression.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import type { RowStore, Ticket } from "@engram-ts/core";
import type { DramStore } from "@engram-ts/store-dram";
import { openTablesAt, type StoreOptions } from "./open-store.js";
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
  readonly store?: StoreOptions;
  readonly output?: "own";
  readonly values?: boolean;
  readonly timesSlower?: number;
  /** A table of the user's own: row ids are taken modulo its rows, and what they hold is not known. */
  readonly own?: boolean;
}

const options = JSON.parse(process.argv[2] ?? "{}") as RowContestantOptions; // by the harness that starts this
const { count } = options;
const bytes = readFileSync(options.ids);
const ids = new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
const listed = ids.length / count;
const opened = await openTablesAt(options.uri, [options.layer], options.store);
const found = opened.tables.get(options.layer);
if (found === undefined) throw new Error(`${options.uri} has no table of layer ${options.layer}`);
const store: RowStore = options.timesSlower === undefined ? found : slowed(found, options.timesSlower);
const { rows, rowBytes, encoding } = store.table;
if (options.own === true) for (let i = 0; i < ids.length; i++) ids[i] = (ids[i] ?? 0) % rows; // i < length

/** A place for what one call gives. */
interface Output {
  readonly bytes: Uint8Array;
  take(ticket: Ticket): void;
}

const outputs = new Map<number, Output>();
function outputOf(slot: number): Output {
  const known = outputs.get(slot) ?? newOutput();
  outputs.set(slot, known);
  return known;
}

function newOutput(): Output {
  if (options.values === true) {
    const values = new Float32Array(count * encoding.width).fill(1);
    return { bytes: new Uint8Array(values.buffer), take: (ticket) => ticket.decode(values) };
  }
  const bytes = (options.output === "own" ? ownMemory(store, count * rowBytes) : new Uint8Array(count * rowBytes)).fill(
    1,
  );
  return { bytes, take: (ticket) => ticket.gather(bytes) };
}

function ownMemory(of: RowStore | DramStore, bytes: number): Uint8Array {
  if ("allocate" in of) return of.allocate(bytes);
  throw new Error(`${options.uri} gives no memory of its own`);
}

/** What a checksum is taken of: not a number is written in many ways. */
function comparable(bytes: Uint8Array): Uint8Array {
  if (options.values !== true) return bytes;
  const values = new Float32Array(bytes.slice().buffer);
  const words = new Uint32Array(values.buffer);
  for (let i = 0; i < words.length; i++) if (Number.isNaN(values[i])) words[i] = 0x7fc00000;
  return new Uint8Array(words.buffer);
}

const call: Call = (index, slot) => {
  const ticket = store.prefetch(ids.subarray(index * count, (index + 1) * count));
  const out = outputOf(slot);
  if (!ticket.settled || ticket.error !== undefined) return later(ticket, out);
  out.take(ticket);
  ticket.release();
  return undefined;
};

async function later(ticket: Ticket, out: Output): Promise<void> {
  try {
    await ticket.ready;
    out.take(ticket);
  } finally {
    ticket.release();
  }
}

if (options.touch === true) {
  for (let index = 0; index < listed; index++) await call(index, 0);
}
const known = options.own === true ? `, ${rows} rows of ${rowBytes} bytes, not checked` : "";
console.log(JSON.stringify({ ready: true, version: `Node ${process.versions.node}${known}` }));
for await (const line of createInterface({ input: process.stdin })) {
  const request = parseRequest(line);
  const answer = await runRound(call, listed, request);
  const sum = request.check === 1 && options.own !== true ? { checksum: checksum(comparable(outputOf(0).bytes)) } : {};
  console.log(JSON.stringify({ ...answer, ...sum, hits: store.stats().hits }));
}
