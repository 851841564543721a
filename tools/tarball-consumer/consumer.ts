// A stranger's program: uses a few names of every package, as installed from its tarball. It is type-checked and run
// by tools/tarball-test.mjs, there only; in this repository it resolves to the workspace's packages.

import { inspectEngines, openBackend } from "@engram-ts/backend-gpu";
import { engramProgram } from "@engram-ts/cli";
import {
  ADDRESSING_PRESETS,
  createAddressing,
  isEngramError,
  openTables,
  type RowStore,
  type TableDriver,
  tableInfo,
} from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import { fileDriver } from "@engram-ts/store-file";
import { fillRows, verifyRow } from "@engram-ts/store-kit";
import { lmdbDriver } from "@engram-ts/store-lmdb";
import { s3Driver } from "@engram-ts/store-s3";

function expect(condition: boolean, what: string): void {
  if (!condition) throw new Error(`expected ${what}`);
}

// Row ids of a published model: the first three are known from its own code.
const { config } = ADDRESSING_PRESETS["deepseek-v4.1-flash"];
const rowIds = createAddressing(config).rowIds(1, [0, 5, 10, 99091, 42, 42, 42, 7]);
expect(rowIds.slice(0, 3).join() === "5702652,24393184,39183301", "the published row ids");

// Rows through the contract: prefetch, then gather.
const table = tableInfo({ rows: 1000, encoding: { kind: "bf16", width: 64 } });
const store: RowStore = dramStore({ table, initialize: (firstRow, rows) => fillRows(table, 7, firstRow, rows) });
const ticket = store.prefetch(Uint32Array.of(3, 999, 3));
await ticket.ready;
const rows = new Uint8Array(ticket.length * table.rowBytes);
ticket.gather(rows);
ticket.release();
expect(verifyRow(table, 7, 999, rows.subarray(table.rowBytes, 2 * table.rowBytes)), "row 999 as it was made");
expect(store.stats().rows === 3, "three rows counted");
await store.close();

// An error is recognised by its code.
let refused: unknown;
try {
  store.prefetch(Uint32Array.of(0));
} catch (error) {
  refused = error;
}
expect(isEngramError(refused, "store-closed"), "a closed store to refuse");

// Every storage package opens tables by URI, through one function.
const drivers: readonly TableDriver[] = [fileDriver(), lmdbDriver(), s3Driver()];
expect(drivers.map(({ scheme }) => scheme).join() === "file,lmdb,s3", "three drivers");
const missing = await openTables("file:./no-such-tables", { drivers }).catch((error: unknown) => error);
expect(isEngramError(missing, "not-found"), "tables that are not there to be not found");

// An engine, the best that is installed: it says which and why, and computes.
const reports = await inspectEngines();
expect(reports.map(({ engine }) => engine).join() === "ggml,tfjs,reference", "three engines reported");
const backend = await openBackend();
expect(backend.choice.why !== "", "a reason for the choice");
const x = backend.upload(Float32Array.of(3, 4), [1, 2]);
const { y } = backend.operations.add.forward({ a: x, b: x }, {});
expect((await backend.download(y)).join() === "6,8", "a sum");
await backend.close();

expect(engramProgram().name() === "engram", "the command");
