// A stranger's program: uses a few names of every package, as installed from its tarball. It is type-checked and run
// by tools/tarball-test.mjs, there only; in this repository it resolves to the workspace's packages.

import * as cli from "@engram-ts/cli";
import { encodedRowBytes, isEngramError, type RowStore, tableInfo } from "@engram-ts/core";
import * as storeDram from "@engram-ts/store-dram";
import * as storeKit from "@engram-ts/store-kit";

const table = tableInfo({ rows: 1000, encoding: { kind: "bf16", width: 64 } });
if (table.rowBytes !== encodedRowBytes(table.encoding)) throw new Error("rowBytes differ");

try {
  tableInfo({ rows: -1, encoding: { kind: "f32", width: 4 } });
  throw new Error("a negative number of rows was accepted");
} catch (error) {
  if (!isEngramError(error, "invalid-argument")) throw error;
}

/** The contract is usable as a type. */
export function rowsServed(store: RowStore): number {
  return store.stats().rows;
}

for (const entry of [cli, storeDram, storeKit]) {
  if (Object.keys(entry).length === 0) throw new Error("a package exports nothing");
}
