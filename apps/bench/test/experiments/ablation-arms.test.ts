// What ablations take away is gone, and nothing else is: tables of equal rows, as many rows for a token, and key norms of zero,
// which training leaves at zero, so that gates stay a half.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryTables, memoryWidth, rowsPerToken } from "@engram-ts/core";
import { expect, test } from "vitest";
import { openEngine } from "../../src/compute/compute-engines.js";
import { ABLATION_ARMS, ablationModel } from "../../src/experiments/ablation-arms.js";
import { ablations } from "../../src/experiments/ablations.js";
import { EXPERIMENT_SIZES } from "../../src/experiments/models/experiment-sizes.js";
import { prepareCorpora } from "../../src/experiments/prepare/prepare-corpora.js";
import { experimentCorpora } from "../../src/experiments/running/experiment-corpora.js";
import { openCell } from "../../src/experiments/running/train-cell.js";

const vocabulary = { vocabSize: 4096, compressed: 3321, padId: 0 };
const budget = (() => {
  const [first] = EXPERIMENT_SIZES.gpu.budgets;
  if (first === undefined) throw new TypeError("there is a budget");
  return first;
})();

const rowsOf = (arm: string) => {
  const ablation = ABLATION_ARMS.find((one) => one.arm === arm);
  if (ablation === undefined) throw new TypeError(`there is an arm ${arm}`);
  const { memory } = ablationModel(budget, ablation, vocabulary).spec;
  if (memory === undefined) return undefined;
  const rows = memoryTables(memory).reduce((sum, one) => sum + one.rows, 0);
  return { rows, lookedUp: rowsPerToken(memory), width: memoryWidth(memory) };
};

test.each(ABLATION_ARMS.filter(({ tables }) => tables?.length !== 0).map(({ arm }) => arm))(
  "%s: as many rows as the reference, and as many for a token",
  (arm) => {
    const [own, reference] = [rowsOf(arm), rowsOf("reference")];
    expect(own?.lookedUp).toBe(reference?.lookedUp);
    expect(own?.width).toBe(reference?.width);
    expect(Math.abs((own?.rows ?? 0) / (reference?.rows ?? 1) - 1)).toBeLessThan(0.02);
  },
);

test("models without a table have none", () => {
  expect(rowsOf("no table")).toBeUndefined();
  expect(rowsOf("one stream, no table")).toBeUndefined();
});

test("key norms that begin at zero stay there, and those of the reference do not stay where they began", async () => {
  const folder = mkdtempSync(join(tmpdir(), "engram-ablations-"));
  const backend = await openEngine("ggml:device=CPU,threads=1");
  try {
    await prepareCorpora(folder, {
      texts: "npm",
      vocabSize: 300,
      characters: 20_000,
      cache: folder,
      from: import.meta.dirname,
    });
    const corpora = await experimentCorpora(folder);
    const cells = ablations.cells("miniature", corpora.vocabulary);
    const norms = async (arm: string) => {
      const cell = cells.find((one) => one.arm === arm);
      if (cell === undefined) throw new TypeError(`there is an arm ${arm}`);
      const open = await openCell({ backend, corpora }, cell);
      for (let i = 0; i < 3; i++) await open.trainer.takeStep();
      const [name, tensor] = [...open.model.parameters].find(([one]) => one.endsWith("engram.keyNorm.weight")) ?? [];
      expect(name, "the model has key norms").toBeDefined();
      const values = await backend.download(tensor);
      await open.close();
      expect(backend.memory().tensors, "a cell leaves nothing behind").toBe(0);
      return values;
    };
    expect((await norms("constant gate")).every((value) => value === 0)).toBe(true);
    expect((await norms("reference")).some((value) => value !== 1)).toBe(true);
  } finally {
    await backend.close();
    rmSync(folder, { recursive: true });
  }
}, 60_000);
