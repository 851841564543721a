// What reports say of made-up results: verdicts follow from the figures, and from how far seeds agree.

import { describe, expect, it } from "vitest";
import type { CellResult, JsonObject } from "../../src/experiments/cell.js";
import { mechanism } from "../../src/experiments/mechanism.js";
import { recall } from "../../src/experiments/recall.js";

/** As much of a result as the reports read. */
function resultOf(arm: string, model: string, seed: number, probes: JsonObject): CellResult {
  const blocks = [{ feedForward: {} }, { feedForward: {}, engram: {} }, { feedForward: {} }];
  const cell = { arm, seed, corpus: "mixed", labels: { model }, batch: { rows: 1, length: 64 }, spec: { blocks } };
  return { cell, probes } as unknown as CellResult; // nothing else is read
}

const zeroed = (factual: number | null, contextual: number | null) => ({
  tasks: [
    ["frequent phrases", "factual", factual] as const,
    ["recalled pairs", "contextual", contextual] as const,
    ["copied random tokens", "contextual", null] as const,
  ].map(([name, kind, kept]) => ({
    ...{ name, kind, tokens: 9, base: 5 },
    rows: ["own", "zeros", "shuffled", "untrained"].map((rows) => ({
      ...{ rows, loss: rows === "own" ? 2 : 4, accuracy: 0.5 },
      kept: rows === "own" && kept !== null ? 1 : kept,
    })),
  })),
});

const lens = (first: number, second: number) => ({
  tokens: 9,
  blocks: [first, second, 0].map((divergence, layer) => ({ layer, divergence, entropy: 1, agreement: 0.5 })),
});

describe("mechanism", () => {
  const reportOf = (kept: readonly (readonly [number | null, number | null])[], divergences: readonly number[]) =>
    mechanism.report(
      kept.flatMap(([factual, contextual], seed) => [
        resultOf("mixed table", "table", seed, {
          ...{ "zeroed-table": zeroed(factual, contextual), "logit-lens": lens(divergences[seed] ?? 0, 1) },
        }),
        resultOf("mixed experts alone", "experts alone", seed, { "logit-lens": lens(2, 1.5) }),
      ]),
    );

  it("reproduces where less is kept of facts, and where blocks are nearer", () => {
    const found = reportOf(
      [
        [0.3, 0.9],
        [0.35, 0.92],
        [0.28, 0.85],
      ],
      [1, 1.1, 0.9],
    );
    expect(found?.verdicts.map(({ outcome }) => outcome)).toEqual(["reproduced", "reproduced"]);
    expect(found?.verdicts[0]?.sentence).toContain("keep 31 % (22 % to 40 %) of the advantage on frequent phrases");
    expect(found?.verdicts[0]?.sentence).toContain("89 % (80 % to 98 %) on recalled pairs; the difference is +0.580");
    expect(found?.verdicts[1]?.sentence).toContain("-0.750 (-0.874 to -0.626) nats");
    expect(found?.verdicts[1]?.sentence).toContain("after block 1 -0.500");
    expect(found?.plots.map(({ id }) => id)).toEqual(["zeroed-table", "logit-lens"]);
    expect(found?.tables[0]?.rows[0]).toEqual([
      ...["frequent phrases", "mixed", "5.000", "2.000", "4.000", "4.000", "4.000", "50 %", "50 %"],
      "31 % (22 % to 40 %)",
    ]);
    expect(found?.tables[0]?.rows[2]?.at(-1)).toBe("not learned");
  });

  it("says that it failed where it did, and decides nothing of what varies or was not learned", () => {
    const worse = reportOf(
      [
        [0.9, 0.3],
        [0.9, 0.3],
      ],
      [3, 3],
    );
    expect(worse?.verdicts.map(({ outcome }) => outcome)).toEqual(["not reproduced", "not reproduced"]);
    const varied = reportOf(
      [
        [0.3, 0.9],
        [0.9, 0.3],
      ],
      [1, 3.4],
    );
    expect(varied?.verdicts.map(({ outcome }) => outcome)).toEqual(["not decided", "not decided"]);
    const unlearned = reportOf(
      [
        [0.3, null],
        [0.3, 0.9],
      ],
      [1, 1],
    );
    expect(unlearned?.verdicts[0]).toMatchObject({ outcome: "not decided" });
    expect(unlearned?.verdicts[0]?.sentence).toContain("have not learned recalled pairs or copied random tokens");
    expect(mechanism.report([])).toBeUndefined();
  });
});

describe("recall", () => {
  const points = (trained: number, fresh: number, beyond: number) => ({
    points: (["pairs", "needles"] as const).flatMap((task) => [
      { task, keys: "trained", length: 64, pairs: 4, answers: 9, accuracy: trained, loss: 1 },
      { task, keys: "fresh", length: 64, pairs: 4, answers: 9, accuracy: fresh, loss: 1 },
      { task, keys: "trained", length: 128, pairs: 4, answers: 9, accuracy: beyond, loss: 1 },
    ]),
  });
  const reportOf = (table: readonly number[], experts: readonly number[]) =>
    recall.report([
      ...table.map((share, seed) => resultOf("table", "table", seed, { recall: points(share, share / 2, 0.1) })),
      ...experts.map((share, seed) =>
        resultOf("experts alone", "experts alone", seed, { recall: points(share, share, 0.1) }),
      ),
    ]);

  it("compares at the lengths that were trained, and says the rest", () => {
    const found = reportOf([0.9, 0.95, 0.85], [0.5, 0.56, 0.44]);
    expect(found?.verdicts.map(({ outcome }) => outcome)).toEqual(["reproduced", "reproduced"]);
    expect(found?.verdicts[0]?.sentence).toBe(
      "Associative recall: 90.0 % right with a table and 50.0 % with experts alone at the trained lengths (guessing among the values 25.0 %); the difference is +40.0 (+37.5 to +42.5) points, with fresh keys -5.0 (-13.7 to +3.7), beyond the trained lengths +0.0 (+0.0 to +0.0).",
    );
    expect(found?.plots.map(({ id }) => id)).toEqual(["recall-pairs", "recall-needles"]);
    expect(found?.tables[0]).toMatchObject({
      header: ["keys", "tokens", "pairs", "table", "experts alone"],
      rows: [
        ["trained", "64", "4", "90.0 %", "50.0 %"],
        ["trained", "128", "4", "10.0 %", "10.0 %"],
        ["fresh", "64", "4", "45.0 %", "50.0 %"],
      ],
    });
  });

  it("says that it failed where it did, and decides nothing where neither model learned", () => {
    expect(reportOf([0.5, 0.5], [0.9, 0.9])?.verdicts[0]?.outcome).toBe("not reproduced");
    expect(reportOf([0.9, 0.5], [0.5, 0.9])?.verdicts[0]?.outcome).toBe("not decided");
    const neither = reportOf([0.2, 0.2], [0.1, 0.1])?.verdicts[0];
    expect(neither?.outcome).toBe("not decided");
    expect(neither?.sentence).toContain("Neither model has learned the task.");
    expect(reportOf([0.9], [])).toBeUndefined();
  });
});
