// What a case of the conformance suite is made of: a trait, a name, a table, what it needs of the store, and its body.
// Plain data; conformance.ts runs it. Skips come from the store's declared capabilities alone, and each such skip
// comes with the proof that the store refuses what it disclaims.

import type { RowStore, RowTransaction, StoreCapabilities, TableInfo, Ticket, WritableRowStore } from "@engram-ts/core";
import { tableInfo } from "@engram-ts/core";
import { expectThat, expectThrows } from "./expectations.js";

/** A store under test. */
export interface ConformanceTarget {
  /** Names the store in test names and in the summary line. */
  readonly name: string;
  /** Opens a store over exactly these rows, `[table.rows, table.rowBytes]` bytes; the array is the store's to keep. */
  open(table: TableInfo, rows: Uint8Array): Promise<RowStore>;
  /** Opens again what `open` opened last, after it was closed. Needed where `capabilities.durable` and `writable` are true. */
  reopen?(table: TableInfo): Promise<RowStore>;
}

/** A store opened for one case, and what it must contain. */
export interface OpenedTable {
  readonly store: RowStore;
  readonly table: TableInfo;
  /** The suite's own copy of all rows. */
  readonly rows: Uint8Array;
  /** The rows of these ids, in this order. */
  pick(rowIds: Uint32Array): Uint8Array;
}

/** What a case needs of the store, and how a store without it must refuse. */
export interface CapabilityNeed {
  /** Why the case cannot run on such a store; undefined where it can. */
  missing(capabilities: StoreCapabilities): string | undefined;
  /** Proves the refusal; absent where the store promises nothing that could be refused. */
  prove?(opened: OpenedTable): Promise<void>;
}

/** One promise of the contract. */
export interface CaseDefinition {
  readonly trait: string;
  readonly name: string;
  /** Default {@link DEFAULT_TABLE}. */
  readonly table?: TableInfo;
  readonly needs?: CapabilityNeed;
  run(opened: OpenedTable, target: ConformanceTarget): Promise<void>;
}

/** Most row ids that a case asks for at once, but for those about large batches; a store must take so many. */
export const COMMON_BATCH = 64;

/** Rows of 10 bytes: no power of two, and not a multiple of four, so that a wrong stride or alignment shows. */
export const DEFAULT_TABLE: TableInfo = tableInfo({ rows: 61, encoding: { kind: "bf16", width: 5 } });

/** Rows of one byte, for the largest batches. */
export const NARROW_TABLE: TableInfo = tableInfo({ rows: 251, encoding: { kind: "fp8-e4m3", width: 1, scale: 1 } });

/** The store takes transactions; one that does not has no `begin`, or one that throws `store-read-only`. */
export const NEEDS_WRITABLE: CapabilityNeed = {
  missing: ({ writable }) => (writable ? undefined : "the store is read-only"),
  prove: ({ store }) => {
    if ("begin" in store) expectThrows("store-read-only", "begin on a read-only store", () => writable(store).begin());
    return Promise.resolve();
  },
};

/** Every row is in memory; a store that says otherwise must still hold back rows that have not come. */
export const NEEDS_RESIDENT: CapabilityNeed = {
  missing: ({ resident }) => (resident ? undefined : "rows are not resident"),
  prove: async ({ store, table }) => {
    const ticket = store.prefetch(Uint32Array.of(0));
    const out = new Uint8Array(table.rowBytes);
    if (!ticket.settled) expectThrows("ticket-not-ready", "gather before the rows have come", () => ticket.gather(out));
    await ticket.ready;
    ticket.release();
  },
};

/** The store as a writable one. */
function writable(store: RowStore): WritableRowStore {
  expectThat("begin" in store && typeof store.begin === "function", "capabilities.writable needs a method begin");
  return store as WritableRowStore; // begin was checked
}

/** Opens a transaction on a store that must be writable. */
export function begin(store: RowStore): RowTransaction {
  return writable(store).begin();
}

/** Waits for the rows of a ticket and checks that it then says so. */
export async function settle(ticket: Ticket): Promise<void> {
  await ticket.ready;
  expectThat(ticket.settled, "ticket.settled must be true once ticket.ready has resolved");
}

/** The rows of a ticket that is ready. */
export function gather(ticket: Ticket, table: TableInfo): Uint8Array {
  const out = new Uint8Array(ticket.length * table.rowBytes).fill(0xa5);
  ticket.gather(out);
  return out;
}

/** Prefetches, waits, gathers and releases. */
export async function read(store: RowStore, rowIds: Uint32Array): Promise<Uint8Array> {
  const ticket = store.prefetch(rowIds);
  await settle(ticket);
  const rows = gather(ticket, store.table);
  ticket.release();
  return rows;
}

/** `count` row ids, the same in every run, with duplicates. */
export function scatteredRowIds(count: number, rows: number, salt = 0): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => (Math.imul(i + 1 + salt * 977, 0x9e37_79b1) >>> 8) % rows);
}

/** Every row id of a table, in order. */
export function allRowIds(table: TableInfo): Uint32Array {
  return Uint32Array.from({ length: table.rows }, (_, row) => row);
}
