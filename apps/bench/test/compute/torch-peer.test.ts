// The PyTorch model that compute is measured against computes what our reference computes, on models that together have
// every kind of block: logits whole and over caches, losses of steps of AdamW. Needs a Python with PyTorch, which
// ENGRAM_TORCH_PYTHON names; else ENGRAM_PYTHON or `python3` is tried. Where none has it, one test says so.

import { modelPreset, parseModelSpec, referenceBackend } from "@engram-ts/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { agreement, lossAgreement, type ModelContestant } from "../../src/compute/compute-cells.js";
import { type ComputeFixture, computeFixture } from "../../src/compute/compute-fixture.js";
import { openRun } from "../../src/compute/compute-run.js";
import { startTorch } from "../../src/compute/torch-peer.js";
import { openTorchRun } from "../../src/compute/torch-run.js";

const MODELS = ["tiny-mla-moe", "tiny-gqa-dense", "tiny-v4.1", "tiny-qwen-ple"] as const;
const peer = await startTorch("cpu", 1);
afterAll(() => peer?.close());

if (peer === undefined) {
  it("left out: this Python has no PyTorch; ENGRAM_TORCH_PYTHON may name one that has", () => {
    expect(process.env.ENGRAM_TORCH_PYTHON, "ENGRAM_TORCH_PYTHON is set, and must have torch").toBeUndefined();
  });
} else {
  describe.each(MODELS)("%s in PyTorch", (name) => {
    let fixture: ComputeFixture;
    let contestants: ModelContestant[];
    beforeAll(async () => {
      fixture = await computeFixture(parseModelSpec(modelPreset(name)));
      contestants = [
        { name: "PyTorch", run: await openTorchRun(peer, fixture, "f32") },
        { name: "reference", run: openRun(referenceBackend(), fixture) },
      ];
    });
    afterAll(async () => {
      for (const { run } of contestants) run.close();
      await fixture.close();
    });

    it("has the logits of the reference, whole and over caches on either side", async () => {
      const [{ prefill, decode } = { prefill: 1, decode: 1 }] = await agreement(fixture, contestants);
      expect(prefill).toBeLessThan(1e-5);
      expect(decode).toBeLessThan(1e-5);
      const [theirs] = await agreement(fixture, contestants.toReversed());
      expect(theirs?.decode).toBeLessThan(1e-5);
    });

    it("has the losses of the reference over steps of training", async () => {
      const [first, second] = await lossAgreement(fixture, contestants);
      expect(first?.losses.length).toBe(4);
      expect(second?.worst, JSON.stringify([first?.losses, second?.losses])).toBeLessThan(1e-5);
      expect(first?.losses.at(-1)).toBeLessThan((first?.losses[0] ?? 0) - 0.01);
    });
  });
}
