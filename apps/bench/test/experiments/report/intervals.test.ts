// Student's intervals and lines of least squares against figures of scipy 1.16 (stats.t.interval, stats.linregress).

import { expect, test } from "vitest";
import { fitLine, intervalText, meanInterval, studentQuantile } from "../../../src/experiments/report/intervals.js";

test("the interval of a mean is scipy's", () => {
  const { value, low, high, count } = meanInterval([1.7248, 1.7109, 1.7195]);
  expect([value, low, high].map((one) => one.toFixed(5))).toEqual(["1.71840", "1.70097", "1.73583"]);
  expect(count).toBe(3);
});

test("one value has no interval, and none no mean", () => {
  expect(meanInterval([2])).toEqual({ value: 2, low: -Infinity, high: Infinity, count: 1 });
  expect(meanInterval([]).value).toBeNaN();
  expect(intervalText(meanInterval([2]))).toBe("+2.0000 (one seed)");
});

test("quantiles between those that are known are the wider ones", () => {
  expect([0, 1, 2, 15, 17, 20, 25, 1000].map(studentQuantile)).toEqual([
    Infinity,
    12.7062,
    4.30265,
    2.13145,
    2.13145,
    2.08596,
    2.08596,
    2.0003,
  ]);
});

test("a line is scipy's, with the interval of its slope", () => {
  const points = [3, 3.6, 4.2, 4.8, 5.4, 6].map((x, i) => [x, [2.91, 2.84, 2.8, 2.73, 2.7, 2.66][i] ?? 0] as const);
  const { slope, intercept, r2 } = fitLine(points);
  expect([slope.value, slope.low, slope.high, intercept, r2].map((one) => one.toFixed(5))).toEqual([
    "-0.08286",
    "-0.09730",
    "-0.06841",
    "3.14619",
    "0.98448",
  ]);
});

test("two points have a line and no interval", () => {
  const { slope, r2 } = fitLine([
    [0, 1],
    [2, 5],
  ]);
  expect(slope).toEqual({ value: 2, low: -Infinity, high: Infinity, count: 2 });
  expect(r2).toBeCloseTo(1, 12);
});
