// Verdicts follow from results alone: made-up losses that have what the paper claims, that have the opposite, and that are
// noise, for each experiment.

import { describe, expect, test } from "vitest";
import { ablations } from "../../src/experiments/ablations.js";
import { allocation } from "../../src/experiments/allocation.js";
import type { Cell, CellResult } from "../../src/experiments/cell.js";
import { comparison } from "../../src/experiments/comparison.js";
import type { Experiment } from "../../src/experiments/experiment.js";
import { memoryScaling } from "../../src/experiments/memory-scaling.js";

const vocabulary = { vocabSize: 4096, compressed: 3321, padId: 0 };
/** Differs from seed to seed and from arm to arm, by up to `size`. */
const noise = (cell: Cell, size: number) => {
  let bits = cell.seed * 7919;
  for (const letter of cell.arm) bits = Math.imul(bits ^ (letter.codePointAt(0) ?? 0), 0x85eb_ca6b) >>> 3;
  return ((bits % 1000) / 500 - 1) * size;
};

function results(experiment: Experiment, loss: (cell: Cell) => number, probes?: (cell: Cell) => CellResult["probes"]) {
  return experiment.cells("gpu", vocabulary).map(
    (cell): CellResult => ({
      cell,
      ...{ digest: "", engine: "made up", machine: { cpu: "none", cores: 1, device: "none" }, commit: "none" },
      ...{ seconds: 1, trainSeconds: 1, tokens: 1000, tokensPerSecond: 1000, epochs: 0.1, curve: [] },
      parameters: { total: 10, activated: 1, flopsPerToken: 6 },
      // a seed moves all arms alike, which pairs take out
      heldOut: { loss: loss(cell) + cell.seed / 10, bitsPerByte: loss(cell) / 3, targets: 1000 },
      probes: probes?.(cell) ?? {},
    }),
  );
}

const outcomes = (
  experiment: Experiment,
  ...given: Parameters<typeof results> extends [Experiment, ...infer Rest] ? Rest : never
) => experiment.report(results(experiment, ...given))?.verdicts.map(({ outcome }) => outcome);

describe("allocation", () => {
  const rho = (cell: Cell) => Number(cell.labels.rho);

  test("a U around 0.8", () => {
    const found = outcomes(allocation, (cell) => 3 + (rho(cell) - 0.8) ** 2 + noise(cell, 0.0005));
    expect(found).toEqual(Array.from({ length: 6 }, () => "reproduced"));
  });

  test("a U elsewhere", () => {
    const found = outcomes(allocation, (cell) => 3 + (rho(cell) - 0.5) ** 2 + noise(cell, 0.0005));
    expect(found?.slice(0, 3)).toEqual(["reproduced", "not reproduced", "reproduced"]);
  });

  test("the less experts the better", () => {
    const found = outcomes(allocation, (cell) => 3 + 0.1 * rho(cell) + noise(cell, 0.0005));
    expect(found?.slice(0, 3)).toEqual(["not reproduced", "not reproduced", "reproduced"]);
  });

  test("experts alone are best", () => {
    const found = outcomes(allocation, (cell) => 3 - 0.1 * rho(cell) + noise(cell, 0.0005));
    expect(found?.slice(0, 3)).toEqual(["not reproduced", "not reproduced", "not reproduced"]);
  });

  test("noise decides nothing", () => {
    expect(outcomes(allocation, (cell) => 3 + noise(cell, 0.05))).not.toContain("reproduced");
  });

  test("one point is no report", () => {
    expect(allocation.report(results(allocation, () => 3).slice(0, 1))).toBeUndefined();
  });
});

describe("comparison", () => {
  const gain = (cell: Cell) => (cell.labels.kind === "table" ? -0.05 : 0);
  const band = (from: number, to: number | null, accuracy: number) => ({ from, to, tokens: 100, loss: 1, accuracy });
  const recall = (more: number) => (cell: Cell) => ({
    "phrase-recall": {
      heldOut: {
        tokens: 1,
        orders: [
          {
            order: 4,
            bands: [band(0, 0, 0.2), band(64, null, 0.5 + (gain(cell) < 0 ? more : 0) + noise(cell, 0.001))],
          },
        ],
      },
    },
  });

  test("better everywhere", () => {
    expect(outcomes(comparison, (cell) => 3 + gain(cell) + noise(cell, 0.001), recall(0.1))).toEqual(
      Array.from({ length: 4 }, () => "reproduced"),
    );
  });

  test("worse everywhere", () => {
    expect(outcomes(comparison, (cell) => 3 - gain(cell) + noise(cell, 0.001), recall(-0.1))).toEqual(
      Array.from({ length: 4 }, () => "not reproduced"),
    );
  });

  test("better on some, and nothing known of phrases", () => {
    const some = (cell: Cell) => (cell.labels.corpus === "prose" ? gain(cell) : 0);
    expect(outcomes(comparison, (cell) => 3 + some(cell) + noise(cell, 0.01))).toEqual(["not decided"]);
  });
});

describe("memory scaling", () => {
  const slots = (cell: Cell) => Math.log10(Math.max(100, Number(cell.labels.slots)));

  test.each([
    ["a straight line down", (x: number) => -0.05 * x, "reproduced"],
    ["a straight line up", (x: number) => 0.05 * x, "not reproduced"],
    ["a fall that ends", (x: number) => (x < 4 ? -0.3 * x : -1.2 + 0.02 * (x - 4)), "not reproduced"],
    ["nothing", () => 0, "not decided"],
  ])("%s", (_, line, outcome) => {
    const found = memoryScaling.report(results(memoryScaling, (cell) => 3 + line(slots(cell)) + noise(cell, 0.003)));
    expect(found?.verdicts.map((one) => one.outcome)).toEqual([outcome]);
    expect(found?.plots).toHaveLength(1);
    expect(found?.tables[0]?.rows.at(-1)?.[0]).toBe("no table");
  });
});

describe("ablations", () => {
  const changes: Readonly<Record<string, number>> = {
    ...{ "no table": 0.1, "constant gate": 0.03, "no compression": 0.02, "no convolution": 0.001, "block 0": 0.02 },
    ...{ "block 2": 0.01, "block 3": 0.02, "orders 2 to 4": 0.01, "one stream": 0.05, "one stream, no table": 0.1 },
  };

  test("all as in the paper", () => {
    const found = outcomes(ablations, (cell) => 3 + (changes[cell.arm] ?? 0) + noise(cell, 0.0005));
    expect(new Set(found)).toEqual(new Set(["reproduced"]));
  });

  test("all the other way round", () => {
    const found = outcomes(ablations, (cell) => 3 - (changes[cell.arm] ?? 0) * 20 + noise(cell, 0.0005));
    expect(new Set(found)).toEqual(new Set(["not reproduced"]));
  });

  test("noise decides nothing of what makes it worse", () => {
    const found = ablations.report(results(ablations, (cell) => 3 + noise(cell, 0.2)))?.verdicts ?? [];
    expect(found.filter(({ outcome }) => outcome === "reproduced").length).toBeLessThan(2);
  });
});
