import { memoryRowCache, tableInfo } from "@engram-ts/core";
import { deterministicRows } from "@engram-ts/store-kit";
import fc from "fast-check";
import { expect, test } from "vitest";

const TABLE = tableInfo({ rows: 30, encoding: { kind: "f32", width: 1 } });
const ROWS = deterministicRows(TABLE, 2);
const rowsOf = (ids: readonly number[]): Uint8Array =>
  Uint8Array.from(ids.flatMap((id) => [...ROWS.subarray(id * TABLE.rowBytes, (id + 1) * TABLE.rowBytes)]));

test("looks only for rows not found yet, and writes nothing else", () => {
  const cache = memoryRowCache({ table: TABLE, bytes: 1000 });
  void cache.fill(Uint32Array.of(1, 2, 3), rowsOf([1, 2, 3]));
  const out = new Uint8Array(5 * TABLE.rowBytes).fill(0xa5);
  const found = Uint8Array.of(0, 1, 0, 0, 0);
  expect(cache.lookup(Uint32Array.of(3, 2, 9, 1, 3), out, found)).toBe(3);
  expect([...found]).toEqual([1, 1, 0, 1, 1]);
  const kept = [0xa5, 0xa5, 0xa5, 0xa5];
  expect([...out]).toEqual([...rowsOf([3]), ...kept, ...kept, ...rowsOf([1, 3])]);
  expect(cache.stats()).toMatchObject({ lookups: 4, found: 3, filled: 3 });
});

test("any fills into any size: what is found is right, and what was filled last is there", () => {
  const batch = fc.uniqueArray(fc.nat(29), { minLength: 1, maxLength: 12 });
  const property = fc.property(fc.integer({ min: 1, max: 12 }), fc.array(batch, { maxLength: 10 }), (slots, fills) => {
    const cache = memoryRowCache({ table: TABLE, bytes: slots * TABLE.rowBytes });
    const all = Uint32Array.from({ length: TABLE.rows }, (_, i) => i);
    for (const ids of fills) {
      void cache.fill(Uint32Array.from(ids), rowsOf(ids));
      const out = new Uint8Array(ROWS.length);
      const found = new Uint8Array(TABLE.rows);
      const count = cache.lookup(all, out, found);
      expect(count).toBe(found.reduce((sum, one) => sum + one, 0));
      expect(count).toBeLessThanOrEqual(slots);
      expect(found[ids.at(-1) ?? 0]).toBe(1);
      for (const id of all) {
        const row = [...out.subarray(id * TABLE.rowBytes, (id + 1) * TABLE.rowBytes)];
        if (found[id] === 1) expect(row).toEqual([...rowsOf([id])]);
        else expect(row).toEqual([0, 0, 0, 0]);
      }
    }
  });
  fc.assert(property, { numRuns: 200 });
});

test("a closed cache finds nothing and keeps nothing", async () => {
  const cache = memoryRowCache({ table: TABLE, bytes: 1000, name: "dram" });
  void cache.fill(Uint32Array.of(1), rowsOf([1]));
  await cache.close();
  await cache.close();
  void cache.fill(Uint32Array.of(2), rowsOf([2]));
  expect(cache.lookup(Uint32Array.of(1, 2), new Uint8Array(8), new Uint8Array(2))).toBe(0);
  expect(cache.name).toBe("dram");
});
