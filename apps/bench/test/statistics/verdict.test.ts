// Intervals and verdicts on series whose truth is known.

import { expect, test } from "vitest";
import { pairedRatio, unpairedRatio } from "../../src/statistics/paired-ratio.js";
import { median, quantile } from "../../src/statistics/quantiles.js";
import { seeded } from "../../src/statistics/seeded.js";
import { verdictOf } from "../../src/statistics/verdict.js";

/** Rounds around a time; each process has a bias of its own, each round its noise. */
function series(ns: number, seed: number, { processes = 5, rounds = 6, bias = 0.02, noise = 0.1 } = {}): number[][] {
  const random = seeded(seed);
  return Array.from({ length: processes }, () => {
    const own = ns * (1 + bias * (2 * random() - 1));
    return Array.from({ length: rounds }, () => own * (1 + noise * (2 * random() - 1)));
  });
}

test("a ratio's interval holds the true ratio in at least 9 of 10 cases, and is not wider than the noise", () => {
  let held = 0;
  for (let seed = 0; seed < 40; seed++) {
    const { low, high, ratio } = pairedRatio(series(150, seed), series(100, seed + 1_000));
    if (low <= 1.5 && 1.5 <= high) held++;
    expect(ratio).toBeGreaterThan(1.3);
    expect(high / low).toBeLessThan(1.3);
  }
  expect(held).toBeGreaterThanOrEqual(36);
});

test("twice the time is a regression, half an improvement, the same inconclusive, paired and not", () => {
  for (const ratio of [pairedRatio, unpairedRatio]) {
    const calls = { regression: 0, improvement: 0, inconclusive: 0, equivalent: 0 };
    for (let seed = 0; seed < 12; seed++) {
      expect(verdictOf(ratio(series(200, seed), series(100, seed + 500)))).toBe("regression");
      expect(verdictOf(ratio(series(50, seed), series(100, seed + 500)))).toBe("improvement");
      calls[verdictOf(ratio(series(100, seed), series(100, seed + 500)))]++;
    }
    expect(calls).toEqual({ regression: 0, improvement: 0, inconclusive: 12, equivalent: 0 });
  }
});

test("nothing is called on fewer observations than asked for, and a change within the threshold is none", () => {
  const twice = pairedRatio(series(200, 1, { processes: 2 }), series(100, 2, { processes: 2 }));
  expect(verdictOf(twice)).toBe("inconclusive");
  expect(verdictOf(twice, { count: "rounds" })).toBe("regression");
  const little = pairedRatio(series(104, 1, { bias: 0, noise: 0.001 }), series(100, 2, { bias: 0, noise: 0.001 }));
  expect(little.low).toBeGreaterThan(1);
  expect(verdictOf(little)).toBe("inconclusive");
  expect(verdictOf(little, { threshold: 0.01 })).toBe("regression");
});

test("equivalent is called only with a margin stated, and only where the whole interval lies within it", () => {
  const same = pairedRatio(series(100, 1, { bias: 0, noise: 0.01 }), series(100, 2, { bias: 0, noise: 0.01 }));
  expect(verdictOf(same)).toBe("inconclusive");
  expect(verdictOf(same, { margin: 0.02 })).toBe("equivalent");
  expect(verdictOf(same, { margin: 0.0001 })).toBe("inconclusive");
});

test("the same data give the same interval", () => {
  const [above, below] = [series(100, 3), series(90, 4)];
  expect(pairedRatio(above, below)).toEqual(pairedRatio(above, below));
});

test("medians and quantiles of 0, 1, 2 and 3 values", () => {
  expect([[], [4], [1, 4], [9, 1, 4]].map(median)).toEqual([Number.NaN, 4, 2.5, 4]);
  expect([0, 0.5, 0.51, 1].map((share) => quantile([1, 2], share))).toEqual([1, 1, 2, 2]);
  expect(quantile([], 0.5)).toBeNaN();
});
