// Which optimizer each parameter of a model takes, and how biases are balanced.

import { modelParameters } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { loadImbalance, moveBiases } from "../../src/optimizers/expert-balance.js";
import { parameterRule } from "../../src/optimizers/parameter-rule.js";
import { trainingConfig } from "../../src/trainer/training-config.js";
import { tinySpec } from "../trainer/tiny-run.js";

describe("parameterRule", () => {
  const rules = (matrices: "muon" | "adamw") => {
    const config = trainingConfig({ steps: 1, matrices });
    return new Map(modelParameters(tinySpec("separate")).map((one) => [one.name, parameterRule(one, config)]));
  };

  it("is Muon for matrices inside blocks, AdamW for all else; vectors do not decay", () => {
    const rule = rules("muon");
    for (const name of [
      "attention.query",
      "feedForward.experts.down",
      "feedForward.shared.up",
      "engram.key",
      "engram.value",
    ]) {
      expect(rule.get(`blocks.1.${name}.weight`), name).toEqual({ kind: "muon" });
    }
    for (const name of [
      "embedding.weight",
      "head.weight",
      "blocks.1.feedForward.router.weight",
      "blocks.0.engram.convolution.weight",
      "blocks.0.attentionStreams.projection.weight",
    ]) {
      expect(rule.get(name), name).toEqual({ kind: "adamw", weightDecay: 0.1 });
    }
    for (const name of ["norm.weight", "blocks.0.engram.key.bias", "blocks.1.attentionStreams.scale"]) {
      expect(rule.get(name), name).toEqual({ kind: "adamw", weightDecay: 0 });
    }
    expect(rule.get("blocks.1.feedForward.router.bias")).toBeUndefined();
    expect(rule.get("blocks.0.engram.table")).toBeUndefined();
    expect([...rules("adamw").values()].some((one) => one?.kind === "muon")).toBe(false);
  });
});

describe("balancing", () => {
  it("moves biases by the sign of the mean load minus theirs", () => {
    const bias = Float32Array.of(0, 0.5, 0, 0);
    moveBiases(bias, Float32Array.of(9, 1, 5, 5), 0.25);
    expect([...bias]).toEqual([-0.25, 0.75, 0, 0]);
  });

  it("tells how far the greatest load is above the mean", () => {
    expect(loadImbalance(Float32Array.of(9, 1, 5, 5))).toBe(1.8);
    expect(loadImbalance(Float32Array.of(0, 0))).toBe(1);
  });
});
