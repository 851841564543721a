// A step's rows against plain maps and sets, over steps of many sizes, with both kernels.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { rowKernel, twinRowKernel } from "../../src/assembly/row-kernel.js";
import { distinctRows, sharedRows } from "../../src/optimizers/distinct-rows.js";
import { stepRows } from "../../src/optimizers/step-rows.js";

/** Tables of up to 2^32 - 1 rows, so that ids take one to three passes of the sort. */
const MOST_ROWS = 0xffff_ffff;
const id = fc.oneof(fc.nat(20), fc.constantFrom(MOST_ROWS - 1, 0x8000_0000, 2047, 2048, 2 ** 22), fc.nat(2 ** 31 - 1));

describe("distinct rows", () => {
  it("are those of a set, ascending, each occurrence with its place", () => {
    fc.assert(
      fc.property(fc.array(id, { maxLength: 3000 }), fc.boolean(), (all, small) => {
        const rows = small ? 21 : MOST_ROWS;
        const rowIds = Uint32Array.from(all, (row) => (small ? row % rows : row));
        const [ids, places] = [new Uint32Array(rowIds.length), new Uint32Array(rowIds.length)];
        const count = distinctRows(rowIds, rows, ids, places);
        expect([...ids.subarray(0, count)]).toEqual([...new Set(rowIds)].sort((a, b) => a - b));
        expect(places.map((place) => ids[place] ?? 0)).toEqual(rowIds);
      }),
      { numRuns: 60 },
    );
    expect(distinctRows(Uint32Array.of(0, 0), 1, new Uint32Array(2), new Uint32Array(2))).toBe(1);
  });

  it("that two steps share are found in both", () => {
    const list = fc.uniqueArray(fc.nat(40)).map((ids) => Uint32Array.from(ids).sort());
    fc.assert(
      fc.property(list, list, (first, second) => {
        const [inFirst, inSecond] = [new Uint32Array(first.length), new Uint32Array(first.length)];
        const count = sharedRows(first, second, inFirst, inSecond);
        const both = first.filter((row) => second.includes(row));
        expect(inFirst.subarray(0, count).map((at) => first[at] ?? 99)).toEqual(both);
        expect(inSecond.subarray(0, count).map((at) => second[at] ?? 99)).toEqual(both);
      }),
    );
  });
});

describe.each([
  ["WebAssembly", rowKernel],
  ["TypeScript", twinRowKernel],
] as const)("a step's rows in %s", (_, kernel) => {
  it("are named by place, and changed by their gradients, step after step", () => {
    const batches = fc.array(fc.array(id, { maxLength: 700 }), { minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(batches, { minLength: 1, maxLength: 3 }), fc.integer({ min: 1, max: 5 }), (steps, width) => {
        const step = stepRows(MOST_ROWS, width, kernel(width));
        for (const lists of steps) {
          step.begin(lists.map((rowIds) => Uint32Array.from(rowIds)));
          expect([...step.ids]).toEqual([...new Set(lists.flat())].sort((a, b) => a - b));
          step.values.forEach((_value, i, values) => {
            values[i] = i;
          });
          step.moments.fill(0);
          lists.forEach((rowIds, batch) => {
            expect([...step.places(batch)].map((place) => step.ids[place])).toEqual(rowIds);
          });
          const capacity = step.padded.length / width;
          const total = lists.flat().length;
          expect([...step.padded.subarray(0, step.values.length)]).toEqual([...step.values]);
          expect(capacity).toBeGreaterThanOrEqual(step.ids.length);
          expect(capacity).toBeLessThan(step.ids.length + Math.ceil(total / 8) + 1);
          expect(total === 0 || capacity % Math.ceil(total / 8) === 0).toBe(true);
          const gradients = Float32Array.from({ length: capacity * width }, (_value, i) => (i % 7) - 3);
          // with these numbers first moments are the gradients
          step.adam(gradients, { learningRate: 0, beta1: 0, beta2: 0, epsilon: 1, step: 1, factor: 1 });
          step.moments.forEach((moment, i) => {
            const row = Math.floor(i / (2 * width));
            if (i % (2 * width) < width) expect(moment).toBe(gradients[row * width + (i % width)]);
          });
        }
      }),
      { numRuns: 40 },
    );
  });

  it("take gradients through a small memory part by part", () => {
    const step = stepRows(MOST_ROWS, 300, kernel(300));
    const count = 1000; // 1.2 MB
    step.begin([Uint32Array.from({ length: count }, (_value, i) => 3 * i)]);
    step.values.fill(1);
    step.moments.fill(0);
    const gradients = Float32Array.from({ length: count * 300 }, (_value, i) => 1 + (i % 911));
    step.adam(gradients, { learningRate: 0.5, beta1: 0, beta2: 0, epsilon: 0, step: 1, factor: 1 });
    expect([...new Set(step.values)]).toEqual([0.5]);
    step.moments.forEach((moment, i) => {
      const gradient = gradients[Math.floor(i / 600) * 300 + (i % 300)] ?? 0;
      if (moment !== (i % 600 < 300 ? gradient : gradient * gradient)) expect.fail(`moment ${i} is ${moment}`);
    });
  });
});
