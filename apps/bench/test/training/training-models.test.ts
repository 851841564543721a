// Models that trainers are compared on: those named as presets are the presets, and all have experts and memory.

import { countParameters } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { trainSpec } from "../../../../packages/cli/src/commands/train-spec.js";
import { TRAINING_MODEL_NAMES, trainingModel } from "../../src/training/training-models.js";

const vocabulary = { vocabSize: 2_048, compressed: 1_700, padId: 3 };

describe("models of the comparison of trainers", () => {
  it.each(["nano", "small"] as const)("%s is the preset of engram train", async (name) => {
    expect(trainingModel(name, vocabulary)).toEqual(await trainSpec({ preset: name }, vocabulary));
  });

  it.each([
    ["6m", 6e6],
    ["30m", 30e6],
    ["120m", 120e6],
  ] as const)("%s has about as many parameters outside the tables as its name says", (name, parameters) => {
    const { total, sparseMemory } = countParameters(trainingModel(name, { ...vocabulary, vocabSize: 8_192 }));
    expect((total - sparseMemory) / parameters).toBeGreaterThan(0.9);
    expect((total - sparseMemory) / parameters).toBeLessThan(1.3);
  });

  it.each(TRAINING_MODEL_NAMES)("%s has experts and a table", (name) => {
    const { blocks, memory } = trainingModel(name, vocabulary);
    expect(memory?.encoding.kind).toBe("f32");
    expect(blocks.some(({ engram }) => engram !== undefined)).toBe(true);
    expect(blocks.some(({ feedForward }) => feedForward.kind === "moe")).toBe(true);
  });
});
