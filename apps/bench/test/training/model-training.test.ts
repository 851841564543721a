// The comparison of trainers in small, without PyTorch: two engines train the tiny model side by side, in this process. The
// reference is peer; both learn the same, and their phases are a step.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { STEP_PHASES } from "@engram-ts/train";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openEngine } from "../../src/compute/compute-engines.js";
import { lossDistance } from "../../src/training/loss-agreement.js";
import { compareTraining, type ModelTraining } from "../../src/training/model-training.js";
import { openOwnRun } from "../../src/training/own-run.js";
import { ownRunOptions, type TrainingContestant } from "../../src/training/training-contestants.js";
import { trainingPlan } from "../../src/training/training-plan.js";
import { openTrainingText, writeTrainingText } from "../../src/training/training-text.js";

const plan = trainingPlan("tiny");
const [part] = plan.parts;
const text = join(mkdtempSync(join(tmpdir(), "engram-training-")), "text");
const said: string[] = [];
let found: ModelTraining;

/** An engine in this process. */
function contestant(engine: string): TrainingContestant {
  return {
    name: engine,
    rounded: false,
    async open(_run, setting) {
      const backend = await openEngine(engine, 1);
      const run = await openOwnRun(backend, ownRunOptions(setting));
      return {
        ...run,
        async close() {
          await run.close();
          await backend.close();
        },
      };
    },
  };
}

beforeAll(async () => {
  await writeTrainingText(text, plan.text);
  if (part === undefined) throw new TypeError("the plan has a part");
  const broken: TrainingContestant = {
    name: "broken",
    rounded: false,
    open: () => Promise.reject(new Error("no such")),
  };
  found = await compareTraining(part, await openTrainingText(text), [...plan.engines.map(contestant), broken], (line) =>
    said.push(line),
  );
}, 120_000);
afterAll(() => rmSync(join(text, ".."), { recursive: true }));

describe("a comparison of trainers", () => {
  it("measures paired rounds of all that train", () => {
    const { cell } = found;
    expect(Object.keys(cell.ns).sort()).toEqual([...plan.engines].sort());
    for (const rounds of Object.values(cell.ns)) expect(rounds.length).toBe(part?.rounds);
    expect(cell.timesAsFast["ggml:device=CPU"]?.reference?.median).toBeGreaterThan(0);
    expect(cell.failures).toEqual({ broken: "no such" });
    expect(said.join("\n")).toContain("ggml:device=CPU");
  });

  it("says where the time of a step goes", () => {
    for (const { shares, rowPath = 1, outsideGraph = 1 } of found.phases) {
      expect(Object.keys(shares).sort()).toEqual([...STEP_PHASES, "hidden"].sort());
      const sum = STEP_PHASES.reduce((all, phase) => all + (shares[phase] ?? 0), 0);
      expect(sum).toBeGreaterThan(0.7);
      expect(sum).toBeLessThan(1.001);
      expect(rowPath).toBeCloseTo((shares.rows ?? 0) + (shares.upload ?? 0) + (shares.rowUpdate ?? 0), 10);
      expect(outsideGraph).toBeCloseTo(1 - (shares.graph ?? 0), 10);
    }
  });

  it("has the same losses on both, which fall", () => {
    const [first, second] = found.curves.map(({ name, held, losses }) => ({
      ...{ name, held },
      losses: losses.map(([, loss]) => loss),
    }));
    if (first === undefined || second === undefined) throw new TypeError("two engines trained");
    const { early, later, held } = lossDistance(first, second);
    expect(early).toBeLessThan(1e-4);
    expect(Math.max(later, Math.abs(held))).toBeLessThan(5e-3);
    expect(first.losses.at(-1)).toBeLessThan((first.losses[0] ?? 0) - 0.05);
    expect(first.held).toBeLessThan(first.losses[0] ?? 0);
    expect(found.agreement).toEqual([]); // there is no PyTorch to agree with
  });
});
