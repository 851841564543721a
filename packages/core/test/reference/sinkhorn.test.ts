// Mixing matrices of hyper-connections: doubly stochastic after enough turns, however they start.

import { describe, expect, it } from "vitest";
import type { HyperOptions } from "../../src/model/backend-operations.js";
import { uniformValues } from "../../src/model/uniform-values.js";
import { doublyStochastic, sinkhorn } from "../../src/reference/sinkhorn.js";

describe.each([1, 2, 4])("sinkhorn of %i streams", (streams) => {
  const logits = Float64Array.from(uniformValues(streams * streams, 3, 1, streams));
  const options: HyperOptions = { streams, iterations: 60, epsilon: 0, normEpsilon: 0, start: "sums" };
  const mix = doublyStochastic(sinkhorn(logits, options));

  it("has rows and columns that sum to 1, and no negative value", () => {
    for (let i = 0; i < streams; i++) {
      let [row, column] = [0, 0];
      for (let j = 0; j < streams; j++) {
        row += mix[i * streams + j] ?? 0;
        column += mix[j * streams + i] ?? 0;
      }
      expect(row).toBeCloseTo(1, 9);
      expect(column).toBeCloseTo(1, 12);
    }
    expect(mix.every((value) => value > 0)).toBe(true);
  });

  it.each([0, 1, 2, 20])("starts with sums as with a softmax where epsilon is 0, for %i turns", (iterations) => {
    const by = (start: HyperOptions["start"]) => doublyStochastic(sinkhorn(logits, { ...options, iterations, start }));
    if (iterations === 0) return expect(by("sums")).toEqual(logits.map(Math.exp)); // no turn at all
    by("sums").forEach((value, i) => {
      expect(value).toBeCloseTo(by("softmax")[i] ?? Number.NaN, 12);
    });
  });
});
