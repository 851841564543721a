// Quantiles of the histogram against those of a sorted array.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { latencyHistogram } from "../../src/index.js";

/** The smallest value with at least this share of all values at or below it. */
function sortedQuantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * share) - 1] ?? Number.NaN;
}

const FOURTH_OF_DOUBLING = 2 ** 0.25;

describe("latencyHistogram", () => {
  it("is all zeros before anything was recorded", () => {
    expect(latencyHistogram().summary()).toEqual({ count: 0, p50: 0, p99: 0, max: 0 });
  });

  it("gives quantiles at or up to 19 % above the true ones, never above the maximum", () => {
    const durations = fc.array(fc.double({ min: 0.001, max: 900_000, noNaN: true }), { minLength: 1, maxLength: 400 });
    fc.assert(
      fc.property(durations, (values) => {
        const histogram = latencyHistogram();
        for (const value of values) histogram.record(value);
        const { count, p50, p99, max } = histogram.summary();
        expect(count).toBe(values.length);
        expect(max).toBe(Math.max(...values));
        for (const [found, share] of [
          [p50, 0.5],
          [p99, 0.99],
        ] as const) {
          const exact = sortedQuantile(values, share);
          expect(found).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
          expect(found).toBeLessThanOrEqual(exact * FOURTH_OF_DOUBLING * (1 + 1e-9));
          expect(found).toBeLessThanOrEqual(max);
        }
      }),
    );
  });

  it("tells durations of different doublings apart", () => {
    const histogram = latencyHistogram();
    for (let i = 0; i < 98; i++) histogram.record(1);
    for (let i = 0; i < 2; i++) histogram.record(1000);
    const { p50, p99, max } = histogram.summary();
    expect(p50).toBeLessThan(1.2);
    expect(p99).toBe(1000);
    expect(max).toBe(1000);
  });

  it("takes durations below its first bucket and above its last", () => {
    const histogram = latencyHistogram();
    histogram.record(0);
    expect(histogram.summary()).toEqual({ count: 1, p50: 0, p99: 0, max: 0 });
    histogram.record(1e9);
    const { count, p50, max } = histogram.summary();
    expect(count).toBe(2);
    expect(p50).toBeLessThanOrEqual(0.0012);
    expect(max).toBe(1e9);
  });
});
