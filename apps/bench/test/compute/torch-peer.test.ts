// The PyTorch model that compute is measured against computes what our reference computes, on models that together have
// every kind of block: logits whole and over caches, losses of steps of AdamW. Needs a Python with PyTorch, which
// ENGRAM_TORCH_PYTHON names; else ENGRAM_PYTHON or `python3` is tried. Where none has it, one test says so.

import { modelPreset, referenceBackend } from "@engram-ts/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agreement, lossAgreement, type ModelContestant } from "../../src/compute/compute-cells.js";
import {
  type ComputeFixture,
  computeFixture,
  type ModelWeights,
  modelWeights,
} from "../../src/compute/compute-fixture.js";
import { openRun } from "../../src/compute/compute-run.js";
import { openTorchRun } from "../../src/compute/peer-run.js";
import { startTorch } from "../../src/compute/torch-peer.js";

const MODELS = ["tiny-mla-moe", "tiny-gqa-dense", "tiny-v4.1", "tiny-qwen-ple"] as const;
const peer = await startTorch("PyTorch", "cpu", 1);
afterAll(() => peer?.close());

if (peer === undefined) {
  it("left out: this Python has no PyTorch; ENGRAM_TORCH_PYTHON may name one that has", () => {
    expect(process.env.ENGRAM_TORCH_PYTHON, "ENGRAM_TORCH_PYTHON is set, and must have torch").toBeUndefined();
  });
} else {
  describe.each(MODELS)("%s in PyTorch", (name) => {
    let fixture: ComputeFixture;
    let weights: ModelWeights;
    let contestants: ModelContestant[];
    const failed = (who: string, error: unknown) => {
      throw new Error(`${who} failed`, { cause: error });
    };
    beforeAll(async () => {
      const spec = modelPreset(name);
      fixture = await computeFixture(spec);
      weights = await modelWeights(spec);
      contestants = [
        { name: "PyTorch", run: await openTorchRun(peer, fixture, "f32") },
        { name: "reference", run: openRun(referenceBackend(), weights) },
      ];
    });
    afterAll(async () => {
      for (const { run } of contestants) run.close();
      await weights.close();
      fixture.close();
    });

    it("has the logits of the reference, whole and over caches on either side", async () => {
      const found = await agreement(fixture, contestants, failed);
      expect(found.length).toBe(2);
      for (const { prefill, decode } of found) expect(Math.max(prefill, decode)).toBeLessThan(1e-5);
    });

    it("has the losses of the reference over steps of training", async () => {
      const [first, second] = await lossAgreement(fixture, contestants, failed);
      expect(first?.losses.length).toBe(4);
      expect(second?.worst, JSON.stringify([first?.losses, second?.losses])).toBeLessThan(1e-5);
      expect(first?.losses.at(-1)).toBeLessThan((first?.losses[0] ?? 0) - 0.01);
    });
  });
}
