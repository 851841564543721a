// A budget split between experts and memory: the law itself, models that keep to it, and budgets that cannot be kept.

import {
  countParameters,
  isEngramError,
  modelBuilder,
  modelPreset,
  type ParameterCount,
  specForBudget,
  splitSparsity,
} from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const template = modelPreset("engram-27b");
const moe = (spec: typeof template, block: number) => {
  const feedForward = spec.blocks[block]?.feedForward;
  if (feedForward?.kind !== "moe") throw new Error(`block ${block} has no experts`);
  return feedForward;
};

const activatedWithoutRouter = ({ components }: ParameterCount) =>
  components.reduce((sum, one) => sum + (one.component === "router" ? 0 : one.activated), 0);

describe("splitSparsity", () => {
  it("gives rho of what is not activated to experts", () => {
    expect(splitSparsity({ total: 100, activated: 20, rho: 0.75 })).toEqual({ sparse: 80, experts: 60, memory: 20 });
    expect(splitSparsity({ total: 100, activated: 100, rho: 1 })).toEqual({ sparse: 0, experts: 0, memory: 0 });
  });

  it.each([
    [{ total: 0, activated: 0, rho: 0.5 }],
    [{ total: 100, activated: 101, rho: 0.5 }],
    [{ total: 100, activated: 10, rho: 1.01 }],
    [{ total: 100, activated: 10, rho: Number.NaN }],
    [{ total: Number.POSITIVE_INFINITY, activated: 10, rho: 0.5 }],
  ])("refuses %j", (budget) => {
    expect(() => splitSparsity(budget)).toThrow(/budget is|rho is/);
  });
});

describe("specForBudget", () => {
  it("finds engram-27b and moe-27b again", () => {
    const count = countParameters(template);
    const found = specForBudget(template, { total: count.total, rho: count.rho ?? 0 });
    expect(moe(found, 1)).toMatchObject({ routedExperts: 55, topK: 6 });
    for (const size of found.memory?.addressing.tableSizes ?? []) expect(size / 2_262_400).toBeCloseTo(1, 3);
    expect(found.name).toBe("engram-27b-budget");
    expect(found.description).toBeUndefined();

    const pure = specForBudget(template, { total: countParameters(modelPreset("moe-27b")).total, rho: 1 });
    const { name: _name, description: _description, ...rest } = modelPreset("moe-27b");
    expect({ ...pure, name: undefined }).toEqual({ ...rest, name: undefined });
  });

  it("keeps to total and rho, as whole experts let it, and to what a token activates", () => {
    const rho = fc.double({ min: 0.05, max: 0.95, noNaN: true });
    const billions = fc.double({ min: 10, max: 200, noNaN: true });
    fc.assert(
      fc.property(rho, billions, (share, size) => {
        const found = countParameters(specForBudget(template, { total: size * 1e9, rho: share }));
        expect(found.total / (size * 1e9)).toBeCloseTo(1, 3);
        const expert = 29 * 3 * 2560 * 1536;
        const sparse = found.sparseExperts + found.sparseMemory;
        expect(Math.abs((found.rho ?? 0) - share) * sparse).toBeLessThan(expert);
        // all but the router, which has a row for each expert
        expect(activatedWithoutRouter(found)).toBe(activatedWithoutRouter(countParameters(template)));
      }),
      { numRuns: 25 },
    );
  });

  it("chooses top-k by the activated budget", () => {
    const expert = 29 * 3 * 2560 * 1536;
    const activated = countParameters(template).activated + 2.4 * expert;
    const found = specForBudget(template, { total: 40e9, activated, rho: 0.75 });
    expect(moe(found, 1).topK).toBe(8);
    expect(countParameters(found).total / 40e9).toBeCloseTo(1, 3);
  });

  it("refuses tables of less than two rows a head", () => {
    const demo = modelPreset("engram-demo");
    const { total, sparseMemory } = countParameters(demo);
    const rows = (count: number) => total - sparseMemory + count * 64;
    expect(specForBudget(demo, { total: rows(64), rho: 0 }).memory?.addressing.tableSizes).toEqual([2, 2]);
    expect(() => specForBudget(demo, { total: rows(63), rho: 0 })).toThrow(/memory gets 63 rows for 32 heads/);
  });

  it("gives all to memory, or all to experts", () => {
    const demo = specForBudget(modelPreset("engram-demo"), { total: 5e9, rho: 0 });
    expect(countParameters(demo).total / 5e9).toBeCloseTo(1, 3);
    const pure = specForBudget(template, { total: 20e9, rho: 1 });
    expect(pure.memory).toBeUndefined();
    expect(pure.blocks.some(({ engram }) => engram)).toBe(false);
  });

  it("keeps whole groups and enough experts for top-k", () => {
    const grouped = modelBuilder({ vocabSize: 64, width: 16, contextTokens: 32 })
      .each({
        attention: { kind: "gqa", heads: 2, headDim: 8 },
        feedForward: { kind: "moe", routedExperts: 16, expertWidth: 8, topK: 4, groups: 4, topGroups: 2 },
      })
      .blocks(2)
      .build();
    const fixed = countParameters(grouped).total - 2 * 12 * 3 * 16 * 8;
    for (const idle of [0, 1, 5, 7, 8, 30]) {
      const found = specForBudget(grouped, { total: fixed + idle * 2 * 3 * 16 * 8, rho: 1 });
      const { routedExperts } = moe(found, 0);
      expect(routedExperts % 4).toBe(0);
      expect(routedExperts).toBeGreaterThanOrEqual(8); // 2 groups of 2 hold top-4
      expect(Math.abs(routedExperts - (4 + idle))).toBeLessThanOrEqual(idle < 4 ? 4 : 2);
    }
  });

  it.each([
    ["experts where there are none", "engram-demo", { total: 5e9, rho: 0.5 }, /no experts/],
    ["memory where there is none", "moe-27b", { total: 27e9, rho: 0.5 }, /no memory/],
    ["a total below what is fixed", "engram-27b", { total: 1e9, rho: 0.5 }, /raise the total budget/],
    [
      "an activated budget below what is common",
      "engram-27b",
      { total: 27e9, activated: 1e9, rho: 0.5 },
      /raise the act/,
    ],
    ["an activated budget where it is fixed", "engram-demo", { total: 5e9, activated: 1e9, rho: 0 }, /no experts, so/],
    ["a rho that is none", "engram-27b", { total: 27e9, rho: -0.1 }, /rho is -0.1/],
  ] as const)("refuses %s", (_what, name, budget, message) => {
    try {
      specForBudget(modelPreset(name), budget);
      expect.unreachable();
    } catch (error) {
      expect(isEngramError(error) && ["invalid-argument", "invalid-config"].includes(error.code)).toBe(true);
      expect((error as Error).message).toMatch(message);
    }
  });
});
