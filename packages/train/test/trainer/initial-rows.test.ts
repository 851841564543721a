// Rows before training: any part of a table is the same whether made alone or with the rest, in values and in bytes.

import { decodeRows, tableInfo } from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import { describe, expect, it } from "vitest";
import { fillRows, initializeBytes, initialRows, tablesOf } from "../../src/trainer/initial-rows.js";
import { tinySpec } from "./tiny-run.js";

const width = 8;
const initial = initialRows({ seed: 3, layer: 1, width });
const values = (firstRow: number, rows: number, make = initial) => {
  const made = new Float32Array(rows * width);
  make(firstRow, made);
  return made;
};

describe("initial rows", () => {
  it("depend on seed, block and row alone, and have the deviation asked for", () => {
    const all = values(0, 500);
    expect([...values(123, 7)]).toEqual([...all.subarray(123 * width, 130 * width)]);
    expect(values(0, 5, initialRows({ seed: 4, layer: 1, width }))).not.toEqual(values(0, 5));
    expect(values(0, 5, initialRows({ seed: 3, layer: 2, width }))).not.toEqual(values(0, 5));
    const mean = all.reduce((sum, one) => sum + one, 0) / all.length;
    const variance = all.reduce((sum, one) => sum + one * one, 0) / all.length;
    expect(Math.abs(mean)).toBeLessThan(0.001);
    expect(Math.sqrt(variance)).toBeCloseTo(0.02, 3);
    expect(new Set(all).size).toBeGreaterThan(3900);
    expect(values(0, 3, initialRows({ seed: 3, layer: 1, width, deviation: 0 })).every((one) => one === 0)).toBe(true);
  });

  it("fill stores, and come as bytes", async () => {
    const table = tableInfo({ rows: 37, encoding: { kind: "bf16", width } });
    const filled = dramStore({ table });
    await fillRows(filled, initial);
    const made = dramStore({ table, initialize: initializeBytes(table, initial) });
    const ids = Uint32Array.from({ length: 37 }, (_, row) => row);
    const bytesOf = (store: typeof filled) => {
      const bytes = new Uint8Array(37 * table.rowBytes);
      store.prefetch(ids).gather(bytes);
      return bytes;
    };
    expect(bytesOf(filled)).toEqual(bytesOf(made));
    const decoded = new Float32Array(37 * width);
    decodeRows(table.encoding, bytesOf(made), decoded);
    values(0, 37).forEach((value, i) => {
      expect(decoded[i]).toBeCloseTo(value, 3);
    });
  });

  it("tables of a model are those that it looks up", () => {
    const spec = tinySpec();
    const found = tablesOf(spec);
    expect([...found.keys()]).toEqual([0, 1]);
    expect(found.get(0)?.encoding).toEqual({ kind: "f32", width: 4 });
    expect(found.get(0)?.rows).toBeGreaterThan(4 * 50);
    const { memory: _, ...without } = spec;
    expect(tablesOf(without).size).toBe(0);
  });
});
