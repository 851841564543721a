import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import { join } from "node:path";
import { EngramError, openTables, parseManifest } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { lmdbDriver } from "../src/index.js";
import { parseLmdbUri } from "../src/lmdb-uri.js";
import { codeOf, read, rowsOf, started, tablePlan, temporaryFolder, writeAll, wrongRow } from "./table-plan.js";

const driver = lmdbDriver();

async function written(uri: string, options: Parameters<typeof tablePlan>[0]) {
  const plan = tablePlan(options);
  const writer = await started(uri, plan.plan);
  await writeAll(writer, plan.tables);
  const manifest = await writer.finish();
  await writer.close();
  return { ...plan, manifest };
}

async function expectTables(uri: string): Promise<void> {
  const opened = await openTables(uri, { drivers: [driver] });
  for (const [layer, store] of opened.tables) expect(await wrongRow(store, layer)).toBeUndefined();
  expect(opened.tables.size).toBeGreaterThan(0);
  await opened.close();
}

describe("lmdbDriver", () => {
  it("writes tables that are read back bit for bit, with a manifest that parses", async () => {
    const uri = `lmdb:${temporaryFolder()}`;
    const { manifest, tables } = await written(uri, { rows: 900 });
    expect(parseManifest(JSON.stringify(manifest))).toEqual(manifest);
    const opened = await driver.open(uri);
    expect(opened.manifest).toEqual(manifest);
    expect([...opened.tables.keys()]).toEqual([1, 15]);
    expect(opened.tables.get(15)?.table).toEqual(tables.get(15));
    await opened.close();
    await expectTables(uri);
    const one = await driver.open(uri, { layers: [15] });
    expect([...one.tables.keys()]).toEqual([15]);
    await one.close();
    expect(await codeOf(() => driver.open(uri, { layers: [15, 2] }))).toBe("not-found");
  });

  it("takes digests into manifest and tables, and keeps the token map", async () => {
    const uri = `lmdb:${temporaryFolder()}`;
    const { plan, tables } = tablePlan({ rows: 40, layers: [1] });
    const map = Uint8Array.from({ length: 5_000 }, (_, i) => i * 7);
    const sha256 = createHash("sha256").update(map).digest("hex");
    const tokenMap = { file: "token-map.bin", bytes: map.length, sha256, tokens: 60, compressed: 50 };
    const manifest = { ...plan.manifest, tokenMap };
    expect(await codeOf(() => started(uri, { ...plan, tokenMap: map }))).toBe("invalid-argument");
    expect(await codeOf(() => started(uri, { tables, manifest, tokenMap: map.slice(1) }))).toBe("digest-mismatch");
    const writer = await started(uri, { tables, manifest, tokenMap: map });
    await writeAll(writer, tables);
    const digest = `sha256:${"a".repeat(64)}`;
    expect((await writer.finish(new Map([[1, digest]]))).modules[0]?.digest).toBe(digest);
    await writer.close();
    const opened = await driver.open(uri);
    expect(opened.tables.get(1)?.table.digest).toBe(digest);
    expect(await opened.tokenMap?.()).toEqual(map);
    await opened.close();
  });

  it("shows nothing before finish, then all at once; readers keep what they have, also while it is removed", async () => {
    const folder = temporaryFolder();
    const uri = `lmdb:${folder}`;
    const first = tablePlan({ rows: 70_000, layers: [1] });
    const writer = await started(uri, first.plan);
    await writeAll(writer, first.tables);
    expect(await codeOf(() => driver.open(uri))).toBe("not-found");
    await writer.finish();
    await writer.close();
    const old = await lmdbDriver({ refreshMs: 0 }).open(uri);
    const reader = old.tables.get(1);
    if (reader === undefined) throw new Error("layer 1 was written");
    const sizes: number[] = [];
    for (const seed of [4, 5, 6]) {
      await written(uri, { rows: 66_000, seed });
      sizes.push(statSync(join(folder, "data.mdb")).size);
      expect(await wrongRow(reader, 1)).toBeUndefined();
      expect(reader.table.rows).toBe(first.tables.get(1)?.rows);
      await expectTables(uri);
    }
    expect(
      await codeOf(async () => {
        const transaction = "begin" in reader ? (reader as { begin(): never }).begin() : undefined;
        const open = transaction as unknown as {
          put(ids: Uint32Array, rows: Uint8Array): Promise<void>;
          commit(): Promise<void>;
        };
        await open.put(Uint32Array.of(1), new Uint8Array(264));
        await open.commit();
      }),
    ).toBe("manifest-mismatch");
    await old.close();
    await written(uri, { rows: 66_000, seed: 7 });
    await written(uri, { rows: 66_000, seed: 8 });
    await expectTables(uri);
    // the pages of what was removed are used again: without that each writing would add its 35 MB
    expect(statSync(join(folder, "data.mdb")).size).toBeLessThan((sizes.at(-1) ?? 0) + 40e6);
  });

  it("goes on where a writing was closed, at any row", async () => {
    const { plan, tables } = tablePlan({ rows: 63_600, layers: [1] });
    const table = tables.get(1);
    if (table === undefined) throw new Error("layer 1 is in the plan");
    for (const at of [0, 1, 63_564, 63_565, 63_566, table.rows]) {
      const uri = `lmdb:${temporaryFolder()}`;
      const before = await started(uri, plan);
      await before.write(1, 0, rowsOf(table, 1, 0, at));
      await before.close();
      const writer = await started(uri, plan);
      expect(writer.committed.get(1)).toBe(at);
      await writeAll(writer, tables);
      await writer.finish();
      await writer.close();
      await expectTables(uri);
    }
  });

  it("refuses rows out of order, beyond the table, or cut; finishing too early; a writer that was replaced", async () => {
    const uri = `lmdb:${temporaryFolder()}`;
    const { plan, tables } = tablePlan({ rows: 100 });
    const table = tables.get(1);
    const writer = await started(uri, plan);
    if (table === undefined) throw new Error("layer 1 is in the plan");
    await writer.write(1, 0, rowsOf(table, 1, 0, 10));
    for (const [layer, row, bytes] of [
      [1, 11, 264],
      [1, 9, 264],
      [1, 10, 263],
      [1, 10, 264 * table.rows],
      [2, 0, 264],
    ] as const) {
      expect(await codeOf(() => writer.write(layer, row, new Uint8Array(bytes)))).toBe("invalid-argument");
    }
    expect(await codeOf(() => writer.finish())).toBe("invalid-argument");
    const other = tablePlan({ rows: 200 });
    expect(await codeOf(() => started(uri, other.plan))).toBe("manifest-mismatch");
    const next = await started(uri, other.plan, { replace: true });
    await writer.write(1, 10, rowsOf(table, 1, 10, 1));
    expect(await codeOf(() => writer.close())).toBe("transaction-closed");
    expect(await codeOf(() => writer.write(1, 11, new Uint8Array(264)))).toBe("store-closed");
    await writeAll(next, other.tables);
    await next.finish();
    await next.close();
    await expectTables(uri);
  });

  it("puts a cache in front of tables, which a second opening finds filled", async () => {
    const uri = `lmdb:${temporaryFolder()}`;
    await written(uri, { rows: 400 });
    const stack = `lmdb:${temporaryFolder()}?bytes=1MiB > ${uri}`;
    for (const expected of [0, 48]) {
      const opened = await openTables(stack, { drivers: [driver], layers: [15] });
      const store = opened.tables.get(15);
      if (store === undefined) throw new Error("layer 15 was written");
      const ids = Uint32Array.from({ length: 48 }, (_, i) => i * 8);
      const rows = await read(store, ids);
      expect(rows.subarray(264 * 47)).toEqual(rowsOf(store.table, 15, 47 * 8, 1));
      expect(("tierStats" in store ? (store as { tierStats(): { hits: number }[] }).tierStats() : [])[0]?.hits).toBe(
        expected,
      );
      if ("filled" in store) await (store as { filled(): Promise<void> }).filled();
      await opened.close();
    }
  });

  it("reads URIs strictly", () => {
    const folder = process.cwd();
    expect(parseLmdbUri("lmdb:./a", "t")).toEqual({ folder: join(folder, "a"), bytes: undefined });
    expect(parseLmdbUri("lmdb:/a/b", "t")).toEqual({ folder: "/a/b", bytes: undefined });
    expect(parseLmdbUri("lmdb:///a/b?bytes=3KiB", "t")).toEqual({ folder: "/a/b", bytes: 3_072 });
    for (const wrong of [
      "file:./a",
      "lmdb:",
      "lmdb://host/a",
      "lmdb:a?bytes=",
      "lmdb:a?bytes=1GB",
      "lmdb:a?x=1",
      "lmdb:a?bytes=0",
      "lmdb:a?bytes=1?",
      "lmdb:a\0b",
    ]) {
      expect(() => parseLmdbUri(wrong, "t"), wrong).toThrow(EngramError);
    }
  });
});
