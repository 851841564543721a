// Judging loss curves: each of the three distances alone makes two runs disagree, and thinning keeps both ends.

import { describe, expect, it } from "vitest";
import {
  EARLY_STEPS,
  EARLY_TOLERANCE,
  type LossCurve,
  lossAgreement,
  lossDistance,
  NOISE_FACTOR,
  thinned,
} from "../../src/training/loss-agreement.js";

const expected: LossCurve = { name: "torch", losses: Array.from({ length: 20 }, (_, i) => 6 - i / 10), held: 4 };
const noise = { later: 0.01, held: 0.02 };
const changed = (from: number, to: number, by: number, held = 4): LossCurve => ({
  ...{ name: "own", held },
  losses: expected.losses.map((loss, i) => (i >= from && i < to ? loss + by : loss)),
});

describe("agreement of losses", () => {
  it("is there for equal runs, without noise, too", () => {
    const same = lossAgreement(changed(0, 0, 0), expected, { noise: { later: 0, held: 0 }, rounded: false });
    expect(same).toEqual({ name: "own", early: 0, later: 0, held: 0, agrees: true });
  });

  it.each([
    ["an early step", changed(EARLY_STEPS - 1, EARLY_STEPS, -1.1 * 5.6 * EARLY_TOLERANCE.exact), false],
    ["a step that is not early any more", changed(EARLY_STEPS, EARLY_STEPS + 1, 1), true],
    ["the second half, by noise", changed(10, 20, -0.99 * NOISE_FACTOR * noise.later), true],
    ["the second half, by more", changed(10, 20, 1.01 * NOISE_FACTOR * noise.later), false],
    ["the held-out loss, by noise", changed(0, 0, 0, 4 - 0.99 * NOISE_FACTOR * noise.held), true],
    ["the held-out loss, by more", changed(0, 0, 0, 4 - 1.01 * NOISE_FACTOR * noise.held), false],
    ["a loss that is none", changed(12, 13, Number.NaN), false],
  ])("sees %s", (_, found, agrees) => {
    expect(lossAgreement(found, expected, { noise, rounded: false }).agrees).toBe(agrees);
  });

  it("gives products of fewer bits more room in the first steps", () => {
    const found = changed(0, 1, 6 * 0.9 * EARLY_TOLERANCE.rounded);
    expect(lossAgreement(found, expected, { noise, rounded: true }).agrees).toBe(true);
    expect(lossAgreement(found, expected, { noise, rounded: false }).agrees).toBe(false);
  });

  it("measures distances in the units that it names", () => {
    const found = lossDistance(
      { name: "own", losses: [2.2, 2, 2, 2.5], held: 3 },
      { name: "", losses: [2, 2, 2, 2], held: 3.5 },
    );
    expect(found.early).toBeCloseTo(0.25, 10);
    expect(found.later).toBeCloseTo(0.25, 10);
    expect(found.held).toBeCloseTo(-0.5, 10);
  });
});

describe("thinned", () => {
  it.each([
    [1, [1]],
    [2, [1, 2]],
    [5, [1, 2, 3, 4, 5]],
    [6, [1, 2, 4, 5, 6]],
    [100, [1, 26, 51, 75, 100]],
  ])("of %i keeps both ends", (steps, kept) => {
    const curve = thinned(
      Array.from({ length: steps }, (_, i) => i + 0.123_456_7),
      5,
    );
    expect(curve.map(([step]) => step)).toEqual(kept);
    expect(curve[0]?.[1]).toBe(0.12346);
  });

  it("of nothing is nothing", () => expect(thinned([])).toEqual([]));
});
