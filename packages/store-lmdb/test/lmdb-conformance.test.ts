import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TableInfo } from "@engram-ts/core";
import { type ConformanceTarget, runConformance, storeModelProperty } from "@engram-ts/store-kit";
import { afterAll, describe, test } from "vitest";
import { lmdbStore } from "../src/index.js";

const folder = mkdtempSync(join(tmpdir(), "engram-lmdb-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let opened = 0;
const last = new Map<TableInfo, string>();

const target: ConformanceTarget = {
  name: "lmdb",
  async open(table, rows) {
    const path = join(folder, `${opened++}`);
    last.set(table, path);
    const initialize = (firstRow: number, into: Uint8Array) => {
      into.set(rows.subarray(firstRow * table.rowBytes, firstRow * table.rowBytes + into.length));
    };
    return lmdbStore({ path, table, initialize, maxBatch: 5_000 });
  },
  reopen: (table) => lmdbStore({ path: last.get(table) ?? "", table, maxBatch: 5_000 }),
};

runConformance({ describe, test }, [target], { required: ["lmdb"] });

test("lmdb answers as an array of rows does", () => storeModelProperty(target, { runs: 40 }));
