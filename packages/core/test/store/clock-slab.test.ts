import { decodeRows, tableInfo } from "@engram-ts/core";
import { deterministicRows, findWrongRow } from "@engram-ts/store-kit";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { clockIndex } from "../../src/store/clock-index.js";
import { clockMemory, NO_SLOT } from "../../src/store/clock-memory.js";
import { clockSlab } from "../../src/store/clock-slab.js";

describe("clockIndex", () => {
  test("agrees with a Map over random additions and removals, colliding rows among them", () => {
    // Rows far apart whose homes are the same, rows in runs, and the greatest rows.
    const row = fc.oneof(
      fc.nat(20),
      fc.nat(20).map((i) => i * 2 ** 27),
      fc.nat(20).map((i) => 2 ** 32 - 2 - i),
    );
    const property = fc.property(fc.integer({ min: 1, max: 24 }), fc.array(row, { maxLength: 200 }), (slots, rows) => {
      const index = clockIndex(slots);
      const model = new Map<number, number>();
      rows.forEach((id, slot) => {
        if (model.has(id)) {
          index.remove(id);
          model.delete(id);
        } else if (model.size < slots) {
          index.add(id, slot);
          model.set(id, slot);
        }
        for (const each of rows) expect(index.find(each)).toBe(model.get(each) ?? -1);
      });
    });
    fc.assert(property, { numRuns: 300 });
  });
});

describe("clockMemory", () => {
  const kinds = ["wasm", "javascript"] as const;
  const sizes = [1, 3, 4, 8, 33, 264, 1020, 1024, 2052];
  const cells = kinds.flatMap((kind) => sizes.map((rowBytes) => ({ kind, rowBytes })));
  test.each(cells)("$kind, rows of $rowBytes bytes, any slots, any alignment", ({ kind, rowBytes }) => {
    const slots = 37;
    const table = tableInfo({ rows: slots, encoding: { kind: "fp8-e4m3", width: rowBytes, scale: 0.5 } });
    const memory = clockMemory(slots, table, kind);
    expect(memory.kind).toBe(kind);
    const count = 20;
    const rows = Uint8Array.from({ length: count * rowBytes + 3 }, (_, i) => (i * 7 + (i >> 8)) & 255);
    for (const offset of [0, 1, 3]) {
      const from = rows.subarray(offset, offset + count * rowBytes);
      const list = Uint32Array.from({ length: count }, (_, i) => (i % 4 === 3 ? NO_SLOT : (i * 11 + offset) % slots));
      memory.write(list, count, from);
      const written = [...list.keys()].filter((i) => list[i] !== NO_SLOT);
      const expected = written.flatMap((i) => [...from.subarray(i * rowBytes, (i + 1) * rowBytes)]);
      const places = Uint32Array.from(written, (i) => list[i] ?? 0);
      for (const at of [0, 1, 2, 4]) {
        const out = new Uint8Array(places.length * rowBytes + 8).fill(0x5a);
        memory.gather(places, 0, places.length, out.subarray(at, at + places.length * rowBytes));
        expect([...out]).toEqual([...new Array(at).fill(0x5a), ...expected, ...new Array(8 - at).fill(0x5a)]);
      }
      const two = new Uint8Array(2 * rowBytes);
      memory.gather(places, 5, 7, two);
      expect([...two]).toEqual(expected.slice(5 * rowBytes, 7 * rowBytes));
      const values = new Float32Array(expected.length);
      memory.decode(places, places.length, values);
      const decoded = new Float32Array(expected.length);
      decodeRows(table.encoding, Uint8Array.from(expected), decoded);
      expect(values).toEqual(decoded);
    }
  });
});

test("a memory of 1 MiB and more is a WebAssembly memory, and holds batches of many pieces", () => {
  const table = tableInfo({ rows: 5_000, encoding: { kind: "fp8-e4m3-e8m0", width: 256 } });
  const memory = clockMemory(table.rows, table);
  expect(memory.kind).toBe("wasm");
  const rows = deterministicRows(table, 4);
  const slots = Uint32Array.from({ length: table.rows }, (_, i) => (i * 1_237) % table.rows);
  memory.write(slots, slots.length, rows);
  const out = new Uint8Array(rows.length);
  memory.gather(slots, 0, slots.length, out);
  expect(findWrongRow(table, 4, Uint32Array.from(slots.keys()), out)).toBe(-1);
  const values = new Float32Array(table.rows * 256);
  memory.decode(slots, slots.length, values);
  const decoded = new Float32Array(table.rows * 256);
  decodeRows(table.encoding, rows, decoded);
  expect(values.findIndex((value, i) => value !== decoded[i])).toBe(-1);
});

describe("clockSlab", () => {
  const TABLE = tableInfo({ rows: 100, encoding: { kind: "fp8-e4m3", width: 4, scale: 1 } });

  test("takes free slots first, then those not found since the hand passed", () => {
    const slab = clockSlab(TABLE, 3 * TABLE.rowBytes, "test");
    for (const row of [10, 11, 12]) slab.unpin(slab.claim(row));
    expect([10, 11, 12].map((row) => slab.find(row) >= 0)).toEqual([true, true, true]);
    slab.unpin(slab.claim(13)); // all three were found: their marks are cleared, and the first goes
    expect([10, 11, 12, 13].map((row) => slab.find(row) >= 0)).toEqual([false, true, true, true]);
  });

  test("never takes a pinned slot, and says when all are", () => {
    const slab = clockSlab(TABLE, 2 * TABLE.rowBytes, "test");
    const first = slab.claim(1);
    const second = slab.claim(2);
    expect(slab.claim(3)).toBe(-1);
    slab.pin(first);
    slab.unpin(first);
    expect(slab.claim(3)).toBe(-1);
    slab.unpin(second);
    expect(slab.claim(3)).toBe(second);
    expect([slab.find(1), slab.find(2), slab.find(3)]).toEqual([first, -1, second]);
  });

  test("a forgotten row is not found; its slot is taken once it is not pinned", () => {
    const slab = clockSlab(TABLE, TABLE.rowBytes, "test");
    const slot = slab.claim(1);
    slab.forget(slot);
    slab.forget(slot);
    expect([slab.find(1), slab.claim(1)]).toEqual([-1, -1]);
    slab.unpin(slot);
    expect([slab.claim(5), slab.find(5)]).toEqual([slot, slot]);
  });

  test("holds at most the table", () => {
    expect(clockSlab(TABLE, 2 ** 30, "test").slots).toBe(100);
  });
});
