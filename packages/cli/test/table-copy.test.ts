// Moving rows: whole tables of awkward sizes, going on after an interruption at a known place, and finding differences.
// Real folders, written by the file driver.

import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createAddressing, deterministicRows, isEngramError, type TablePlan, tableInfo } from "@engram-ts/core";
import { fileDriver } from "@engram-ts/store-file";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { silentProgress } from "../src/progress.js";
import { allRuns, chunks, copyTables, digestSource, firstDifference } from "../src/table-copy.js";
import { deterministicSource, encodedSource, type RowSource } from "../src/table-copy-source.js";
import { sampleRuns } from "../src/table-copy-write.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "engram-copy-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const addressing = {
  kind: "engram",
  vocabSize: 100,
  seed: 0,
  layers: [1],
  tableSizes: [60],
  headsPerOrder: 1,
  padId: 2,
} as const;
const derived = createAddressing(addressing).derivation();
const table = tableInfo({ rows: derived.layers[0]?.rows ?? 0, encoding: { kind: "fp8-e4m3-e8m0", width: 256 } });
const source = deterministicSource(1, table, 4);
const all = deterministicRows(table, 5); // seed 4, layer 1
const digest = `sha256:${createHash("sha256").update(all).digest("hex")}`;
const plan: TablePlan = {
  manifest: { format: "engram", version: 1, addressing, derived },
  tables: new Map([[1, table]]),
};
const writerAt = (name: string) => {
  const { write } = fileDriver({ commitBytes: 5 * 264 });
  if (write === undefined) throw new Error("the file driver writes");
  return write(`file:${join(folder, name)}`, plan);
};

describe("copyTables", () => {
  it.each([1, 263, 264, 265, 3 * 264, 2 ** 22])("writes every row in chunks of %i bytes", async (chunkBytes) => {
    const options = { progress: silentProgress, chunkBytes };
    const { manifest, tables } = await copyTables([source], await writerAt(`all-${chunkBytes}`), options);
    expect(tables).toMatchObject([{ layer: 1, rows: table.rows, bytes: all.length, resumedRows: 0, digest }]);
    expect(manifest.modules[0]?.digest).toBe(digest);
    const opened = await fileDriver().open(`file:${join(folder, `all-${chunkBytes}`)}`);
    expect(opened.tables.get(1)?.table.digest).toBe(digest);
    await opened.close();
  });

  it("stops at a signal with what it wrote committed, and goes on there", async () => {
    const controller = new AbortController();
    const progress = {
      ...silentProgress,
      start: () => ({
        report: (bytes: number) => {
          if (bytes >= 20 * 264) controller.abort();
        },
        end() {},
      }),
    };
    const options = { progress, chunkBytes: 2 * 264, signal: controller.signal };
    const stopped = copyTables([source], await writerAt("stopped"), options);
    await expect(stopped).rejects.toSatisfy((error) => isEngramError(error, "aborted"));
    const writer = await writerAt("stopped");
    expect(writer.committed.get(1)).toBe(20);
    const { tables } = await copyTables([source], writer, { progress: silentProgress, chunkBytes: 3 * 264 });
    expect(tables).toMatchObject([{ resumedRows: 20, bytes: (table.rows - 20) * 264, digest }]);
    const opened = await fileDriver().open(`file:${join(folder, "stopped")}`);
    const ticket = opened.tables.get(1)?.prefetch(Uint32Array.from({ length: table.rows }, (_, row) => row));
    await ticket?.ready;
    const out = new Uint8Array(all.length);
    ticket?.gather(out);
    expect(Buffer.compare(out, all)).toBe(0);
    await opened.close();
  });

  it("publishes nothing where the rows read are not those of the source's digest", async () => {
    const wrong: RowSource = { ...source, digest: `sha256:${"0".repeat(64)}` };
    const copying = copyTables([wrong], await writerAt("wrong"), { progress: silentProgress });
    await expect(copying).rejects.toMatchObject({ code: "digest-mismatch" });
    await expect(fileDriver().open(`file:${join(folder, "wrong")}`)).rejects.toMatchObject({ code: "not-found" });
  });
});

describe("chunks", () => {
  it("gives all rows once and in order, the last chunk what is left", async () => {
    const seen: number[] = [];
    const bytes: Uint8Array[] = [];
    for await (const chunk of chunks(source, { chunkBytes: 7 * 264 })) {
      seen.push(chunk.firstRow);
      bytes.push(chunk.bytes.slice());
    }
    expect(seen).toEqual(Array.from({ length: Math.ceil(table.rows / 7) }, (_, i) => i * 7));
    expect(Buffer.compare(Buffer.concat(bytes), all)).toBe(0);
    expect(await digestSource(source, "x", { progress: silentProgress })).toBe(digest);
  });

  it("fails with what reading fails with, once, also where the reader had stopped", async () => {
    let reads = 0;
    const failing: RowSource = {
      ...source,
      read: (first, out) => (++reads > 1 ? Promise.reject(new Error("unreadable")) : source.read(first, out)),
    };
    const reading = async (): Promise<void> => {
      for await (const chunk of chunks(failing, { chunkBytes: 264 })) expect(chunk.firstRow).toBe(0);
    };
    await expect(reading()).rejects.toThrow("unreadable");
    reads = 0;
    for await (const { firstRow } of chunks(failing, { chunkBytes: 264 })) {
      expect(firstRow).toBe(0);
      break; // the second read has begun, and its failure must go nowhere
    }
  });
});

describe("firstDifference", () => {
  it("names row and byte, or nothing", async () => {
    const runs = () => allRuns(table.rows, table.rowBytes, 5 * 264);
    expect(await firstDifference(source, source, runs())).toBeUndefined();
    const changed: RowSource = {
      ...source,
      async read(firstRow, out) {
        await source.read(firstRow, out);
        const at = (33 - firstRow) * 264 + 9;
        if (at >= 0 && at < out.length) out[at] = (out[at] ?? 0) ^ 4;
      },
    };
    expect(await firstDifference(source, changed, runs())).toEqual({ row: 33, byte: 9 });
  });
});

describe("sampleRuns", () => {
  it.each([1, 2, 15, 16, 17, 1000])("takes first and last of %i rows, and stays within them", (rows) => {
    const runs = sampleRuns(rows, 8, 16);
    expect(runs[0]?.firstRow).toBe(0);
    const last = runs.at(-1) ?? { firstRow: 0, rows: 0 };
    expect(last.firstRow + last.rows).toBe(rows);
    for (const run of runs) expect(run.firstRow + run.rows).toBeLessThanOrEqual(rows);
    expect(runs.map(({ firstRow }) => firstRow)).toEqual(
      [...new Set(runs.map(({ firstRow }) => firstRow))].sort((a, b) => a - b),
    );
  });
});

describe("encodedSource", () => {
  it("gives back rows of an encoding that loses nothing", async () => {
    const narrow = deterministicSource(0, tableInfo({ rows: 33, encoding: { kind: "bf16", width: 6 } }), 1);
    const wide = encodedSource(narrow, { kind: "f32", width: 6 });
    const back = encodedSource(wide, { kind: "bf16", width: 6 });
    expect(await firstDifference(narrow, back, allRuns(33, 12))).toBeUndefined();
  });
});
