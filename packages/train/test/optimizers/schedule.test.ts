// Courses of the learning rate, written out.

import { isEngramError } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { learningRateFactor, type Schedule, STEP_DECAY } from "../../src/optimizers/schedule.js";
import { trainingConfig } from "../../src/trainer/training-config.js";

const course = (schedule: Schedule, steps: number) =>
  Array.from({ length: steps }, (_, step) => Number(learningRateFactor(schedule, step, steps).toFixed(6)));

describe("learningRateFactor", () => {
  it("warms up linearly, to 1 at the last step of the warm-up", () => {
    expect(course({ kind: "constant", warmupSteps: 4 }, 6)).toEqual([0.25, 0.5, 0.75, 1, 1, 1]);
    expect(course({ kind: "constant", warmupSteps: 0 }, 2)).toEqual([1, 1]);
  });

  it("goes along a cosine from 1 to the floor at the last step, and stays there", () => {
    const cosine = { kind: "cosine", warmupSteps: 1, floor: 0.2 } as const;
    expect(course(cosine, 6)).toEqual([1, 1, 0.882843, 0.6, 0.317157, 0.2]);
    expect(learningRateFactor(cosine, 100, 6)).toBeCloseTo(0.2, 12);
    expect(course({ ...cosine, warmupSteps: 0 }, 1)).toEqual([1]);
  });

  it("falls in steps", () => {
    expect(course(STEP_DECAY, 10)).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 0.316, 0.1]);
  });

  it.each<[Schedule, RegExp]>([
    [{ kind: "constant", warmupSteps: -1 }, /warmupSteps is -1/],
    [{ kind: "cosine", warmupSteps: 0, floor: 2 }, /floor is 2/],
    [
      {
        kind: "step-decay",
        warmupSteps: 0,
        milestones: [
          { at: 0.9, factor: 1 },
          { at: 0.8, factor: 1 },
        ],
      },
      /\[1\].at/,
    ],
    [{ kind: "step-decay", warmupSteps: 0, milestones: [{ at: 0.9, factor: -1 }] }, /\[0\].factor is -1/],
    [{ kind: "linear" as "constant", warmupSteps: 0 }, /kind is "linear"/],
  ])("is refused where it says nothing: %o", (schedule, message) => {
    try {
      trainingConfig({ steps: 1, schedule });
    } catch (error) {
      expect(isEngramError(error, "invalid-config")).toBe(true);
      return expect(String(error)).toMatch(message);
    }
    return expect.fail("it did not fail");
  });
});
