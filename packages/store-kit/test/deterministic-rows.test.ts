// Rows made from their ids: the same bytes whichever way they are asked for, finite and small in every encoding.

import { isEngramError, MAX_ROWS, type RowEncoding, tableInfo } from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deterministicRows, fillRows, findWrongRow, verifyRow } from "../src/index.js";
import { decodePlainly } from "../src/plain-decoding.js";

const ENCODINGS: readonly RowEncoding[] = [
  { kind: "f32", width: 6 },
  { kind: "f16", width: 7 },
  { kind: "f16", width: 8 },
  { kind: "bf16", width: 64 },
  { kind: "bf16", width: 3 },
  { kind: "int8", width: 64 },
  { kind: "int8", width: 5 },
  { kind: "fp8-e4m3-e8m0", width: 256 },
  { kind: "fp8-e4m3-e8m0", width: 32 },
  { kind: "fp8-e4m3", width: 64, scale: 0.125 },
  { kind: "fp8-e4m3", width: 1, scale: 1 },
];

const PYTHON_WORDS = ["3c7e405b", "bde727f4", "3da7c185", "bdfb609a", "3d0fb353", "3d712316"];

const seeds = fc.nat(0xffff_ffff);
const encodings = fc.constantFrom(...ENCODINGS);

describe("fillRows", () => {
  it("gives a row the same bytes alone, in a range, at any alignment and in the whole table", () => {
    const split = fc.record({
      encoding: encodings,
      seed: seeds,
      first: fc.nat(30),
      count: fc.nat(10),
      offset: fc.nat(7),
    });
    fc.assert(
      fc.property(split, ({ encoding, seed, first, count, offset }) => {
        const table = tableInfo({ rows: 40, encoding });
        const whole = deterministicRows(table, seed);
        const bytes = count * table.rowBytes;
        const buffer = new Uint8Array(bytes + 16).fill(0x77);
        fillRows(table, seed, first, buffer.subarray(offset, offset + bytes));
        const expected = new Uint8Array(bytes + 16).fill(0x77);
        expected.set(whole.subarray(first * table.rowBytes, first * table.rowBytes + bytes), offset);
        expect(buffer).toEqual(expected);
        for (let row = 0; row < table.rows; row++) {
          const alone = whole.subarray(row * table.rowBytes, (row + 1) * table.rowBytes);
          expect(verifyRow(table, seed, row, alone)).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  });

  it("is the documented function of seed and row, so that other programs can check it", () => {
    // worked out in Python from the definition in the header of deterministic-rows.ts
    const table = tableInfo({ rows: MAX_ROWS, encoding: { kind: "f32", width: 3 } });
    const bytes = new Uint8Array(24);
    fillRows(table, 7, 4_000_000_000, bytes);
    expect(Array.from(new Uint32Array(bytes.buffer), (word) => word.toString(16))).toEqual(PYTHON_WORDS);
  });

  it("makes values that are finite, not zero, at most 0.25 in magnitude, of both signs", () => {
    for (const encoding of ENCODINGS) {
      const table = tableInfo({ rows: 500, encoding });
      const values = decodePlainly(table, deterministicRows(table, 3));
      const zeros = values.filter((value) => value === 0).length;
      const limit = encoding.kind === "fp8-e4m3" ? 2 * encoding.scale : 0.25;
      expect(values.every((value) => Number.isFinite(value) && Math.abs(value) <= limit)).toBe(true);
      expect(zeros / values.length).toBeLessThan(encoding.kind === "int8" ? 0.02 : 1e-12);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      expect(Math.abs(mean)).toBeLessThan(limit / 4);
      expect(values.filter((value) => value < 0).length / values.length).toBeGreaterThan(0.4);
    }
  });

  it("makes rows that differ between ids and between seeds", () => {
    const table = tableInfo({ rows: 20_000, encoding: { kind: "bf16", width: 64 } });
    const first = deterministicRows(table, 1);
    const second = deterministicRows(table, 2);
    const distinct = new Set<string>();
    for (const rows of [first, second]) {
      for (let at = 0; at < rows.length; at += table.rowBytes) {
        distinct.add(Buffer.from(rows.buffer, at, table.rowBytes).toString("latin1"));
      }
    }
    expect(distinct.size).toBe(40_000);
  });

  it("refuses seeds, ranges and outputs that do not fit", () => {
    const table = tableInfo({ rows: 10, encoding: { kind: "bf16", width: 3 } });
    const code = (call: () => unknown): string => {
      try {
        call();
      } catch (error) {
        if (isEngramError(error)) return error.code;
      }
      return "none";
    };
    for (const seed of [-1, 0.5, 2 ** 32, Number.NaN]) {
      expect(code(() => fillRows(table, seed, 0, new Uint8Array(6)))).toBe("invalid-argument");
      expect(code(() => findWrongRow(table, seed, Uint32Array.of(1), new Uint8Array(6)))).toBe("invalid-argument");
    }
    expect(code(() => fillRows(table, 1, 0, new Uint8Array(5)))).toBe("output-length");
    expect(code(() => fillRows(table, 1, 10, new Uint8Array(6)))).toBe("row-out-of-range");
    expect(code(() => fillRows(table, 1, 9, new Uint8Array(12)))).toBe("row-out-of-range");
    expect(code(() => fillRows(table, 1, -1, new Uint8Array(6)))).toBe("row-out-of-range");
    expect(code(() => fillRows(table, 1, 9, new Uint8Array(6)))).toBe("none");
    expect(code(() => fillRows(table, 1, 10, new Uint8Array(0)))).toBe("none");
    expect(code(() => findWrongRow(table, 1, Uint32Array.of(1, 2), new Uint8Array(6)))).toBe("output-length");
  });
});

describe("findWrongRow", () => {
  it("finds any flipped bit, at its place", () => {
    const flip = fc.record({
      encoding: encodings,
      seed: seeds,
      index: fc.nat(4),
      byte: fc.nat(10_000),
      bit: fc.nat(7),
    });
    fc.assert(
      fc.property(flip, ({ encoding, seed, index, byte, bit }) => {
        const table = tableInfo({ rows: 9, encoding });
        const all = deterministicRows(table, seed);
        const ids = Uint32Array.of(8, 0, 3, 3, 7);
        const rows = new Uint8Array(ids.length * table.rowBytes);
        ids.forEach((id, i) => {
          rows.set(all.subarray(id * table.rowBytes, (id + 1) * table.rowBytes), i * table.rowBytes);
        });
        expect(findWrongRow(table, seed, ids, rows)).toBe(-1);
        const at = index * table.rowBytes + (byte % table.rowBytes);
        rows[at] = (rows[at] ?? 0) ^ (1 << bit);
        expect(findWrongRow(table, seed, ids, rows)).toBe(index);
      }),
    );
  });

  it("verifyRow refuses a row of another id or another length", () => {
    const table = tableInfo({ rows: 9, encoding: { kind: "bf16", width: 64 } });
    const rows = deterministicRows(table, 5);
    expect(verifyRow(table, 5, 1, rows.subarray(0, 128))).toBe(false);
    expect(verifyRow(table, 5, 0, rows.subarray(0, 128))).toBe(true);
    expect(verifyRow(table, 6, 0, rows.subarray(0, 128))).toBe(false);
    expect(verifyRow(table, 5, 0, rows.subarray(0, 127))).toBe(false);
  });
});
