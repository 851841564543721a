// The rows of shards in runs of any length: across parts, and with values and scales that lie apart.

import { open } from "node:fs/promises";
import { join } from "node:path";
import { checkpointTables, deterministicRows } from "@engram-ts/core";
import { afterAll, beforeAll, expect, it } from "vitest";
import { openCheckpoint } from "../../src/commands/import-checkpoint.js";
import { shardRows } from "../../src/commands/import-rows.js";
import { type TableRuns, tableRuns } from "../table-runs.js";

let runs: TableRuns;
beforeAll(async () => {
  runs = await tableRuns("import-rows");
});
afterAll(() => runs.remove());

it.each([
  ["deepseek-v4.1", [1, 2, 63, 64, 65, 5000]],
  ["qwen3.8", [1, 7, 8, 9, 15, 16, 17, 5000]], // 8 rows a shard
])("%s in runs of %j rows", async (layout, lengths) => {
  await runs.json("make-fixture", layout, "--out", layout, "--table-size", "20", "--seed", "9");
  const { folder, source } = await openCheckpoint(join(runs.folder, layout));
  const { modules } = await checkpointTables(source);
  for (const module of modules) {
    const rows = shardRows(folder, module);
    const { table } = rows;
    const all = deterministicRows(table, 9 + module.layer);
    for (const length of lengths) {
      const step = length === 1 ? 97 : length; // a sample of single rows
      for (let first = 0; first < table.rows; first += step) {
        const out = new Uint8Array(Math.min(length, table.rows - first) * table.rowBytes);
        await rows.read(first, out);
        const expected = all.subarray(first * table.rowBytes, first * table.rowBytes + out.length);
        expect(Buffer.compare(out, expected), `rows from ${first}`).toBe(0);
      }
    }
    await rows.close();
  }
});

it("says so where a shard is cut short while it is read", async () => {
  await runs.json("make-fixture", "deepseek-v4.1", "--out", "cut", "--table-size", "20");
  const { folder, source } = await openCheckpoint(join(runs.folder, "cut"));
  const [module] = (await checkpointTables(source)).modules;
  if (module === undefined) throw new Error("the fixture has tables");
  const rows = shardRows(folder, module);
  const shard = await open(join(folder, module.parts[0]?.data.uri ?? ""), "r+");
  await shard.truncate((module.parts[0]?.data.offset ?? 0) + 256 * 3);
  await shard.close();
  await expect(rows.read(0, new Uint8Array(10 * rows.table.rowBytes))).rejects.toMatchObject({ code: "truncated" });
  await rows.close();
});
