// Opening by URI: stacks give the same rows as the store behind them and read it once, layers may lie in different places
// only if their manifests agree, and whatever fails leaves nothing open.

import { deterministicRows, type OpenedTables, openTables, tableInfo } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { addressing, manifestOf, memoryTables } from "./memory-tables.js";

const gathered = async (opened: OpenedTables, layer: number, rowIds: number[]): Promise<Uint8Array> => {
  const store = opened.tables.get(layer);
  if (store === undefined) throw new Error(`no layer ${layer}`);
  const ticket = store.prefetch(Uint32Array.from(rowIds));
  await ticket.ready;
  const out = new Uint8Array(rowIds.length * store.table.rowBytes);
  ticket.gather(out);
  ticket.release();
  return out;
};
const expected = (layer: number, rowIds: number[]): Uint8Array => {
  const module = manifestOf().modules.find((one) => one.layer === layer);
  const table = tableInfo({ rows: module?.rows ?? 0, encoding: { kind: "bf16", width: 4 } });
  const all = deterministicRows(table, layer);
  return Uint8Array.from(rowIds.flatMap((row) => [...all.subarray(row * 8, (row + 1) * 8)]));
};
const ids = [5, 0, 77, 5, 106];

describe("openTables", () => {
  it("opens a plain URI, whole or by layers, as its driver gives it", async () => {
    const far = memoryTables("far");
    const all = await openTables("far:x", { drivers: [far] });
    expect([...all.tables.keys()]).toEqual([1, 3]);
    expect(await gathered(all, 3, ids)).toEqual(expected(3, ids));
    await all.close();
    const one = await openTables("far:x", { drivers: [far], layers: [3] });
    expect([...one.tables.keys()]).toEqual([3]);
    await one.close();
    expect(far.openCount()).toBe(0);
  });

  it.each(["dram(1MiB) > far:x", "dram(1MiB) > near:c > far:x", "near:c > far:x", "near:c > dram(400) > far:x"])(
    "gives the same rows through %s, the second time without the complete store",
    async (uri) => {
      const [near, far] = [memoryTables("near", manifestOf(), { caches: true }), memoryTables("far")];
      const opened = await openTables(uri, { drivers: [near, far] });
      for (const layer of [1, 3]) {
        // several batches at once, so that some fills wait for others
        const rows = await Promise.all(ids.map((row) => gathered(opened, layer, [row])));
        expect(rows).toEqual(ids.map((row) => expected(layer, [row])));
      }
      const reads = (): number => [...far.opened.values()].reduce((sum, store) => sum + store.reads.length, 0);
      const first = reads();
      await opened.close(); // fills are through by then
      expect(near.openCount() + far.openCount()).toBe(0);
      if (!uri.includes("near:")) return;
      const again = await openTables(uri, { drivers: [near, far] });
      for (const layer of [1, 3]) expect(await gathered(again, layer, ids)).toEqual(expected(layer, ids));
      expect(reads()).toBe(0); // the stores opened anew were not asked
      expect(first).toBeGreaterThan(0);
      await again.close();
    },
  );

  it("shares out a memory budget by the tables' sizes, and refuses one that holds no row", async () => {
    const far = memoryTables("far");
    const bytes = manifestOf().modules.map(({ rows }) => rows * 8);
    const half = Math.floor((bytes[0] ?? 0) / 2 + (bytes[1] ?? 0) / 2);
    const opened = await openTables(`dram(${half}) > far:x`, { drivers: [far] });
    const all = Array.from({ length: 107 }, (_, row) => row);
    await gathered(opened, 1, all);
    const before = far.opened.get("far:x 1")?.reads.length ?? 0;
    await gathered(opened, 1, all); // half the table fits, so the store is asked again
    expect(far.opened.get("far:x 1")?.reads.length).toBeGreaterThan(before);
    await opened.close();
    await expect(openTables("dram(9) > far:x", { drivers: [far] })).rejects.toMatchObject({ code: "invalid-argument" });
    expect(far.openCount()).toBe(0);
  });

  it("loads whole tables through a driver that can, and closes what is inside", async () => {
    const far = memoryTables("far");
    let over: OpenedTables | undefined;
    const dram = {
      ...memoryTables("dram"),
      openOver: async (inside: OpenedTables) => {
        over = inside;
        return inside;
      },
    };
    const opened = await openTables("dram:far:x", { drivers: [dram, far] });
    expect(over?.tables.size).toBe(2);
    expect(await opened.tokenMap?.()).toEqual(Uint8Array.of(7));
    await opened.close();
    expect(far.openCount()).toBe(0);
    await expect(openTables("dram > far:x", { drivers: [memoryTables("dram"), far] })).rejects.toMatchObject({
      code: "unsupported",
    });
    expect(far.openCount()).toBe(0);
  });

  it("opens layers in different places", async () => {
    const [near, far] = [memoryTables("near"), memoryTables("far")];
    const opened = await openTables({ 1: "near:a", 3: "dram(1KiB) > far:b" }, { drivers: [near, far] });
    for (const layer of [1, 3]) expect(await gathered(opened, layer, ids)).toEqual(expected(layer, ids));
    expect([...near.opened.keys(), ...far.opened.keys()]).toEqual(["near:a 1", "far:b 3"]);
    expect(opened.manifest.modules.map(({ layer }) => layer)).toEqual([1, 3]);
    await opened.close();
    expect(near.openCount() + far.openCount()).toBe(0);
  });

  it.each([
    [{ ...addressing, seed: 9 }, "addressing.seed is 0 at the first URI and 9 at far:b"],
    [{ ...addressing, tableSizes: [20, 40] }, "addressing.tableSizes"],
  ])("refuses layers of different models, naming the first difference", async (config, message) => {
    const [near, far] = [memoryTables("near"), memoryTables("far", manifestOf(config))];
    const opening = openTables({ 1: "near:a", 3: "far:b" }, { drivers: [near, far] });
    await expect(opening).rejects.toMatchObject({ code: "manifest-mismatch" });
    await expect(opening).rejects.toThrow(message);
    expect(near.openCount() + far.openCount()).toBe(0);
  });

  it("refuses layers with different token maps, but not the same one by another name", async () => {
    const map = { file: "a.u32", bytes: 4, sha256: "0".repeat(64), tokens: 100, compressed: 100 };
    const near = memoryTables("near", { ...manifestOf(), tokenMap: map });
    const same = memoryTables("far", { ...manifestOf(), tokenMap: { ...map, file: "b.u32" } });
    const opened = await openTables({ 1: "near:a", 3: "far:b" }, { drivers: [near, same] });
    await opened.close();
    const other = memoryTables("far", { ...manifestOf(), tokenMap: { ...map, sha256: "1".repeat(64) } });
    await expect(openTables({ 1: "near:a", 3: "far:b" }, { drivers: [near, other] })).rejects.toThrow(
      "tokenMap.sha256",
    );
    const bare = memoryTables("far");
    const fromOne = await openTables({ 1: "far:b", 3: "near:a" }, { drivers: [near, bare] });
    expect(fromOne.manifest.tokenMap).toEqual(map);
    await fromOne.close();
  });

  it.each([
    ["nowhere:x", "invalid-argument", "no driver opens nowhere:; there are near:, far:"],
    ["far:a > near:x", "unsupported", "far: cannot be a cache"],
    ["near:broken1 > far:x", "io", "broken"],
    ["dram(1KiB) > near:broken3 > far:x", "io", "broken"],
    ["near:c > far:missing", "not-found", "none"],
    ["dram > far:x", "invalid-argument", "no driver opens dram:"],
  ])("%s fails and leaves nothing open", async (uri, code, message) => {
    const [near, far] = [memoryTables("near", manifestOf(), { caches: true }), memoryTables("far")];
    const opening = openTables(uri, { drivers: [near, far] });
    await expect(opening).rejects.toMatchObject({ code });
    await expect(opening).rejects.toThrow(message);
    expect(near.openCount() + far.openCount()).toBe(0);
  });

  it("refuses layers that are not there, records that are none, and two drivers of one scheme", async () => {
    const far = memoryTables("far");
    const refused = async (uri: unknown, more: object = {}, code = "invalid-argument"): Promise<void> => {
      await expect(openTables(uri as string, { drivers: [far], ...more })).rejects.toMatchObject({ code });
      expect(far.openCount()).toBe(0);
    };
    await refused("far:x", { layers: [2] });
    await refused({ 2: "far:x" });
    await refused({ 1: "far:x" }, { layers: [3] });
    await refused({ one: "far:x" });
    await refused({ 1: 7 });
    await refused({});
    await refused(null);
    await refused(["far:x"]);
    await refused("far:x", { drivers: undefined });
    await refused("far:x", { drivers: [far, memoryTables("far")] });
    await refused("far:x", { signal: AbortSignal.abort() }, "aborted");
  });
});
