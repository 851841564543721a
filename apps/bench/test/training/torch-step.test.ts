// Our trainer and the one in PyTorch that it is measured against take the same steps: loss, norm of the gradients, every
// parameter and every row, from the same files, on the reference and on ggml. Needs a Python with PyTorch, which
// ENGRAM_TORCH_PYTHON names; else ENGRAM_PYTHON or `python3` is tried. Where none has it, one test says so.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Backend, modelParameters } from "@engram-ts/core";
import { type TrainingConfigInput, tablesOf } from "@engram-ts/train";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { distance } from "../../src/compute/compute-cells.js";
import { openEngine } from "../../src/compute/compute-engines.js";
import { openOwnRun } from "../../src/training/own-run.js";
import { openTorchRun, startTorchTraining } from "../../src/training/peer-training.js";
import { type TrainingFixture, trainingFixture } from "../../src/training/training-fixture.js";
import { trainingModel } from "../../src/training/training-models.js";
import type { TrainingRun, TrainingWindow } from "../../src/training/training-run.js";
import { openTrainingText, writeTrainingText } from "../../src/training/training-text.js";

const STEPS = 3;
const SIZE = { rows: 2, length: 32 };
const HELD_TOKENS = 128;
/** Of losses and norms; of what steps change, least exact where gradients nearly cancel (biases before a norm). */
const TOLERANCE = 1e-6;
const CHANGE_TOLERANCE = 5e-4;
/** Large, so that decay, clipping, balancing and rates of rows each change more than the tolerance. */
const CONFIG: TrainingConfigInput = {
  steps: 6,
  learningRate: 0.01,
  matrices: "adamw",
  schedule: { kind: "cosine", warmupSteps: 2, floor: 0.1 },
  // more than most gradients, or steps would be of one size whatever the gradient
  adamW: { weightDecay: 2, epsilon: 0.01 },
  rows: { epsilon: 1e-4 },
  clip: 0.5,
  balancingRate: 0.01,
};

const peer = await startTorchTraining("cpu", 1);
afterAll(() => peer?.close());

if (peer === undefined) {
  it("left out: this Python has no PyTorch; ENGRAM_TORCH_PYTHON may name one that has", () => {
    expect(process.env.ENGRAM_TORCH_PYTHON, "ENGRAM_TORCH_PYTHON is set, and must have torch").toBeUndefined();
  });
} else {
  const folder = mkdtempSync(join(tmpdir(), "engram-torch-step-"));
  const text = join(folder, "text");
  let fixture: TrainingFixture;
  let torch: TrainingRun;
  let before: ReadonlyMap<string, Float32Array>;
  let expected: TrainingWindow & { readonly held: number; readonly after: ReadonlyMap<string, Float32Array> };

  const namesOf = () => [
    ...modelParameters(fixture.spec)
      .filter((one) => one.component !== "engram tables")
      .map(({ name }) => name),
    ...[...tablesOf(fixture.spec).keys()].map(String),
  ];
  const contentsOf = async (run: TrainingRun): Promise<ReadonlyMap<string, Float32Array>> => {
    const contents = new Map<string, Float32Array>();
    for (const name of namesOf()) contents.set(name, await run.values(name));
    return contents;
  };

  beforeAll(async () => {
    await writeTrainingText(text, { vocabSize: 320, characters: 60_000 });
    const opened = await openTrainingText(text);
    fixture = await trainingFixture(trainingModel("tiny", opened.vocabulary), opened, SIZE);
    torch = await openTorchRun(peer, "own", {
      ...{ fixture, config: CONFIG, type: "f32" },
      batches: await fixture.batches(7, STEPS),
      held: await fixture.held(HELD_TOKENS),
    });
    before = await contentsOf(torch);
    const window = await torch.steps(STEPS);
    expected = { ...window, held: await torch.evaluate(), after: await contentsOf(torch) };
  }, 120_000);
  afterAll(async () => {
    await torch.close();
    fixture.close();
    rmSync(folder, { recursive: true });
  });

  describe.each(["reference", "ggml:device=CPU"])("steps on %s", (engine) => {
    let backend: Backend<unknown>;
    let run: TrainingRun;
    beforeAll(async () => {
      backend = await openEngine(engine, 1);
      const { checkpoint } = fixture;
      run = await openOwnRun(backend, {
        ...{ text, checkpoint, size: SIZE, dataSeed: 7, config: CONFIG, heldTokens: HELD_TOKENS },
      });
    }, 60_000);
    afterAll(async () => {
      await run.close();
      await backend.close();
    });

    it("begin with the same values, and are those of PyTorch", async () => {
      expect(await contentsOf(run)).toEqual(before);
      const { losses, norms } = await run.steps(STEPS);
      expect(distance(losses, expected.losses)).toBeLessThan(TOLERANCE);
      expect(distance(norms, expected.norms)).toBeLessThan(TOLERANCE);
      expect(Math.min(...norms)).toBeGreaterThan(0.5); // or nothing was clipped
      const after = await contentsOf(run);
      expect(after.size).toBe(namesOf().length);
      for (const [name, values] of after) {
        const start = before.get(name) ?? [];
        const changeOf = (all: ArrayLike<number> = []) => Float64Array.from(all, (value, i) => value - (start[i] ?? 0));
        const change = changeOf(expected.after.get(name));
        expect(
          change.some((value) => value !== 0),
          `${name} is trained`,
        ).toBe(true);
        expect(distance(changeOf(values), change), `change of ${name}`).toBeLessThan(CHANGE_TOLERANCE);
      }
      expect(Math.abs((await run.evaluate()) / expected.held - 1)).toBeLessThan(TOLERANCE);
    });
  });
}
