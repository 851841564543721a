// Tokens drawn from logits: which can be drawn at all, how often, and that a seed settles it.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type SamplingOptions, sampler } from "../../src/model/sampling.js";
import { expectCode } from "./expect-code.js";

const logits = Float32Array.from([1, 3, 2, 3, Number.NEGATIVE_INFINITY, 0]);
const draws = (options: SamplingOptions, count: number, from = logits): number[] => {
  const sample = sampler(options);
  return Array.from({ length: count }, () => sample(from));
};

describe("sampling", () => {
  it("greedy takes the greatest, the first of equal ones", () => {
    expect(draws({}, 2)).toEqual([1, 1]);
    expect(draws({ temperature: 0, topK: 3, seed: 7 }, 1)).toEqual([1]);
    expect(draws({ temperature: 2, topK: 1 }, 5)).toEqual([1, 1, 1, 1, 1]);
  });

  it("draws each token as often as the softmax says", () => {
    const count = 40_000;
    const found = new Float64Array(6);
    for (const token of draws({ temperature: 1.5, seed: 11 }, count)) found[token] = (found[token] ?? 0) + 1;
    const weights = Array.from(logits, (z) => Math.exp(z / 1.5));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    weights.forEach((weight, token) => {
      const p = weight / total;
      const deviation = Math.sqrt((p * (1 - p)) / count);
      expect(Math.abs((found[token] ?? 0) / count - p)).toBeLessThanOrEqual(4.5 * deviation);
    });
    expect(found[4]).toBe(0);
  });

  it("top-k and top-p leave the most likely tokens only", () => {
    expect(new Set(draws({ temperature: 5, topK: 3, seed: 1 }, 500))).toEqual(new Set([1, 2, 3]));
    // at temperature 1 the softmax is 0.38 0.38 0.14 0.05 0.02
    expect(new Set(draws({ temperature: 1, topP: 0.3, seed: 1 }, 300))).toEqual(new Set([1]));
    expect(new Set(draws({ temperature: 1, topP: 0.5, seed: 1 }, 300))).toEqual(new Set([1, 3]));
    expect(new Set(draws({ temperature: 1, topP: 0.8, seed: 1 }, 500))).toEqual(new Set([1, 2, 3]));
    expect(new Set(draws({ temperature: 1, topP: 1, seed: 1 }, 2000))).toEqual(new Set([0, 1, 2, 3, 5]));
    expect(new Set(draws({ temperature: 1, topP: 0.9, topK: 2, seed: 1 }, 500))).toEqual(new Set([1, 3]));
    // top-p counts among what top-k left
    expect(new Set(draws({ temperature: 1, topP: 0.4, topK: 2, seed: 1 }, 500))).toEqual(new Set([1]));
  });

  it("is settled by its seed, the same in every release", () => {
    expect(draws({ temperature: 1, seed: 1 }, 12)).toEqual(draws({ temperature: 1, seed: 1 }, 12));
    expect(draws({ temperature: 1, seed: 1 }, 40)).not.toEqual(draws({ temperature: 1, seed: 2 }, 40));
    expect(draws({ temperature: 1, seed: 1 }, 12)).toEqual([2, 3, 1, 3, 1, 2, 1, 1, 1, 1, 1, 3]);
  });

  it("always gives a token that can be", () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ noNaN: true, min: -80, max: 80 }), { minLength: 1, maxLength: 9 }),
        fc.record({
          temperature: fc.double({ min: 0, max: 10, noNaN: true }),
          topK: fc.integer({ min: 1, max: 12 }),
          topP: fc.double({ min: 1e-9, max: 1, noNaN: true }),
          seed: fc.nat(),
        }),
        (values, options) => {
          const from = Float32Array.from(values);
          const rank = [...from.keys()].sort((a, b) => (from[b] ?? 0) - (from[a] ?? 0) || a - b);
          expect(rank.indexOf(draws(options, 1, from)[0] ?? -1)).toBeGreaterThanOrEqual(0);
          expect(rank.indexOf(draws(options, 1, from)[0] ?? -1)).toBeLessThan(options.topK);
        },
      ),
      { numRuns: 200 },
    );
  });

  it.each([
    [{ temperature: -1 }, /temperature is -1/],
    [{ temperature: Number.NaN }, /temperature is NaN/],
    [{ topK: 0 }, /topK is 0/],
    [{ topK: 1.5 }, /topK is 1.5/],
    [{ topP: 0 }, /topP is 0/],
    [{ topP: 1.1 }, /topP is 1.1/],
    [{ seed: -1 }, /seed is -1/],
    [{ seed: 2 ** 32 }, /seed is 4294967296/],
  ])("refuses %o", (options, message) => {
    expectCode(() => sampler(options), "invalid-argument", message);
  });

  it("refuses logits that are no numbers", () => {
    const nothing = Float32Array.of(Number.NaN, Number.NaN);
    expectCode(() => sampler()(nothing), "invalid-argument", /none of 2 logits is finite/);
    expectCode(() => sampler({ temperature: 1 })(new Float32Array(0)), "invalid-argument", /none of 0 logits/);
  });
});
