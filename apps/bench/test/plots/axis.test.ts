// Axes: places within the paper, ticks at round values, whatever the values are.

import fc from "fast-check";
import { expect, test } from "vitest";
import { axisFor, linearTicks, logTicks } from "../../src/plots/axis.js";

const positive = fc.double({ min: 1e-6, max: 1e12, noNaN: true });

test("every value has a place on the paper, in order, and so has every tick", () => {
  fc.assert(
    fc.property(
      fc.array(positive, { minLength: 1, maxLength: 20 }),
      fc.constantFrom("linear", "log"),
      (values, scale) => {
        const axis = axisFor(values, { label: "", scale: scale as "linear" | "log" });
        const sorted = values.toSorted((a, b) => a - b).map((value) => axis.place(value));
        for (const place of [...sorted, ...axis.ticks.map(([value]) => axis.place(value))]) {
          expect(place).toBeGreaterThanOrEqual(-1e-9);
          expect(place).toBeLessThanOrEqual(1 + 1e-9);
        }
        expect(sorted).toEqual(sorted.toSorted((a, b) => a - b));
      },
    ),
  );
});

test("ticks are round", () => {
  expect(linearTicks(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
  expect(linearTicks(0, 43)).toEqual([0, 10, 20, 30, 40]);
  expect(logTicks(1, 1e4)).toEqual([1, 10, 100, 1_000, 1e4]);
  expect(logTicks(3, 40)).toEqual([3, 10, 30]);
  expect(logTicks(100, 130).length).toBeGreaterThan(1);
});

test("no values, and values without a place, leave an axis that can be drawn", () => {
  for (const values of [[], [0], [Number.NaN], [-1]]) {
    const { ticks, place } = axisFor(values, { label: "", scale: "log" });
    expect(ticks.length).toBeGreaterThan(0);
    expect(Number.isFinite(place(1))).toBe(true);
  }
});
