// A property of every store: whatever sequence of prefetch, gather, decode, release, put, commit, abort and close it
// meets, it answers as a plain array of rows does. fast-check draws the sequences, shrinks a failing one and prints its
// seed and path, which the options take to replay it.
// Here are the model and one step of it; the sequences that matter by name are in the conformance suite.

import { type RowStore, type RowTransaction, type TableInfo, type Ticket, tableInfo } from "@engram-ts/core";
import type * as FastCheck from "fast-check";
import { begin, type ConformanceTarget, gather, settle } from "./conformance-case.js";
import { deterministicRows, fillRows } from "./deterministic-rows.js";
import { ConformanceFailure, expectBytes, expectRefusal, expectSame, expectThrows } from "./expectations.js";
import { decodePlainly } from "./plain-decoding.js";

/** How {@link storeModelProperty} draws its sequences. */
export interface ModelPropertyOptions {
  /** Sequences to try. Default 100. */
  readonly runs?: number;
  /** Most steps in a sequence. Default 40. */
  readonly maxSteps?: number;
  /** Default: 23 rows of 6 bytes. */
  readonly table?: TableInfo;
  /** The seed that a failure printed; default random. */
  readonly seed?: number;
  /** The path that a failure printed, to start at the shrunk sequence. */
  readonly path?: string;
}

/** One step. `which` picks among the open tickets, modulo their number. */
type Step =
  | { readonly do: "prefetch"; readonly rowIds: readonly number[] }
  | { readonly do: "stats" | "close" }
  | ReadStep
  | WriteStep;

interface ReadStep {
  readonly do: "gather" | "decode" | "settle" | "release";
  readonly which: number;
}

type WriteStep =
  | { readonly do: "begin" | "commit" | "abort" }
  | { readonly do: "put"; readonly rowIds: readonly number[]; readonly seed: number };

interface HeldTicket {
  readonly ticket: Ticket;
  readonly expected: Uint8Array;
}

/** The store, and what it should be. */
interface Model {
  readonly store: RowStore;
  readonly table: TableInfo;
  readonly rows: Uint8Array;
  readonly open: HeldTicket[];
  released: HeldTicket | undefined;
  transaction: RowTransaction | undefined;
  staged: Map<number, Uint8Array>;
  ended: RowTransaction | undefined;
  closed: boolean;
  asked: number;
}

/**
 * Tries the property on a store.
 * @throws Error of fast-check with the shrunk sequence, the seed and the path.
 * @example test("model", () => storeModelProperty(target));
 */
export async function storeModelProperty(target: ConformanceTarget, options: ModelPropertyOptions = {}): Promise<void> {
  const fc = await import("fast-check"); // here, so that those who only want rows do not load it
  const table = options.table ?? tableInfo({ rows: 23, encoding: { kind: "bf16", width: 3 } });
  const steps = fc.array(stepArbitrary(fc, table), { maxLength: options.maxSteps ?? 40, size: "max" });
  const property = fc.asyncProperty(steps, async (sequence) => {
    const rows = deterministicRows(table, 2);
    const store = await target.open(table, rows.slice());
    const model: Model = {
      ...{ store, table, rows, open: [], released: undefined, closed: false, asked: 0 },
      ...{ transaction: undefined, staged: new Map(), ended: undefined },
    };
    try {
      for (const step of sequence) await take(step, model);
      await finish(model);
    } finally {
      await store.close();
    }
  });
  const { seed, path } = options;
  await fc.assert(property, {
    numRuns: options.runs ?? 100,
    ...(seed === undefined ? {} : { seed }),
    ...(path === undefined ? {} : { path }),
  });
}

function stepArbitrary(fc: typeof FastCheck, table: TableInfo): FastCheck.Arbitrary<Step> {
  const rowIds = fc.array(fc.nat(table.rows - 1), { maxLength: 12 });
  const which = fc.nat(7);
  return fc.oneof(
    { weight: 6, arbitrary: fc.record({ do: fc.constant("prefetch"), rowIds }) },
    { weight: 8, arbitrary: fc.record({ do: fc.constantFrom("gather", "decode", "settle", "release"), which }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constant("put"), rowIds, seed: fc.nat(1000) }) },
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom("begin", "commit", "abort", "stats") }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("close", "stats") }) },
  ) as FastCheck.Arbitrary<Step>; // fast-check widens the constants to string
}

async function take(step: Step, model: Model): Promise<void> {
  const { store } = model;
  switch (step.do) {
    case "prefetch":
      return prefetch(Uint32Array.from(step.rowIds), model);
    case "gather":
    case "decode":
    case "settle":
    case "release":
      return use(step, model);
    case "stats":
      expectSame(store.stats().openTickets, model.open.length, "stats().openTickets");
      expectSame(store.stats().rows, model.asked, "stats().rows");
      return;
    case "close":
      await store.close();
      model.closed = true;
      return;
    case "begin":
    case "put":
    case "commit":
    case "abort":
      if (store.capabilities.writable) await write(step, model);
      return;
    default:
      step satisfies never;
  }
}

function prefetch(rowIds: Uint32Array, model: Model): void {
  const { store, table, rows } = model;
  if (model.closed) {
    expectThrows("store-closed", "prefetch", () => store.prefetch(rowIds));
    return;
  }
  const expected = new Uint8Array(rowIds.length * table.rowBytes);
  rowIds.forEach((row, i) => {
    expected.set(rows.subarray(row * table.rowBytes, (row + 1) * table.rowBytes), i * table.rowBytes);
  });
  model.open.push({ ticket: store.prefetch(rowIds), expected });
  model.asked += rowIds.length;
  rowIds.fill(0); // the caller's array is the caller's
}

async function use(step: ReadStep, model: Model): Promise<void> {
  const { table, open } = model;
  if (model.released !== undefined && !model.closed) {
    const { ticket } = model.released;
    expectThrows("ticket-released", "gather from a released ticket", () => gather(ticket, table));
  }
  const index = step.which % Math.max(1, open.length);
  const held = open[index];
  if (held === undefined) return;
  const { ticket, expected } = held;
  if (step.do === "release") {
    ticket.release();
    ticket.release();
    open.splice(index, 1);
    model.released = held;
  } else if (model.closed) {
    expectThrows("store-closed", "gather from a closed store", () => gather(ticket, table));
  } else if (step.do !== "settle" && !ticket.settled) {
    expectThrows("ticket-not-ready", "gather from a pending ticket", () => gather(ticket, table));
  } else {
    await check(held, table, step.do);
    expectSame(ticket.length, expected.length / table.rowBytes, "ticket.length");
  }
}

async function check({ ticket, expected }: HeldTicket, table: TableInfo, how: string): Promise<void> {
  await settle(ticket);
  if (how !== "decode") {
    expectBytes(gather(ticket, table), expected, table.rowBytes, "gather");
    return;
  }
  const values = new Float32Array(ticket.length * table.encoding.width).fill(5);
  ticket.decode(values);
  decodePlainly(table, expected).forEach((value, i) => {
    if (value !== values[i] && !(Number.isNaN(value) && Number.isNaN(values[i]))) {
      throw new ConformanceFailure(`decode: value ${i}: expected ${value}, found ${values[i]}`);
    }
  });
}

async function write(step: WriteStep, model: Model): Promise<void> {
  const { store, table, transaction, ended } = model;
  if (step.do === "begin") {
    if (model.closed) expectThrows("store-closed", "begin", () => begin(store));
    else if (transaction !== undefined) expectThrows("transaction-open", "begin", () => begin(store));
    else model.transaction = begin(store);
    return;
  }
  if (model.closed || transaction === undefined) {
    const of = transaction ?? ended;
    const codes = model.closed ? (["store-closed", "transaction-closed"] as const) : "transaction-closed";
    if (of === undefined || step.do === "abort") return;
    const nothing = () => of.put(new Uint32Array(0), new Uint8Array(0));
    await expectRefusal(codes, step.do, step.do === "put" ? nothing : () => of.commit());
    return;
  }
  if (step.do === "put") {
    const rowIds = Uint32Array.from(step.rowIds);
    const rows = new Uint8Array(rowIds.length * table.rowBytes);
    if (rowIds.length > 0) fillRows({ ...table, rows: 4096 }, step.seed, 0, rows);
    rowIds.forEach((row, i) => {
      model.staged.set(row, rows.slice(i * table.rowBytes, (i + 1) * table.rowBytes));
    });
    const staged = transaction.put(rowIds, rows);
    rows.fill(0xff);
    rowIds.fill(0);
    await staged;
    return;
  }
  if (step.do === "commit") {
    await transaction.commit();
    for (const [row, bytes] of model.staged) model.rows.set(bytes, row * table.rowBytes);
  } else {
    await transaction.abort();
  }
  model.staged.clear();
  model.ended = transaction;
  model.transaction = undefined;
}

/** Every ticket still open must read right to the end, and the table must be the model's. */
async function finish(model: Model): Promise<void> {
  const { store, table, open, rows } = model;
  if (!model.closed) {
    for (const held of open) await check(held, table, "gather");
    const all = store.prefetch(Uint32Array.from({ length: table.rows }, (_, row) => row));
    await check({ ticket: all, expected: rows }, table, "gather");
    all.release();
  }
  for (const { ticket } of open) ticket.release();
  expectSame(store.stats().openTickets, 0, "stats().openTickets at the end");
}
