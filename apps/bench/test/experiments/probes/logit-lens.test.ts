// Divergences against a sum by hand: the logits of the models that end after each block.

import {
  awaitRows,
  createModel,
  forward,
  forwardWithRows,
  modelParameters,
  openScope,
  rowsNeeded,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { logitLens } from "../../../src/experiments/probes/logit-lens.js";
import { batchOf, busyProbed, followingBatch, VOCABULARY } from "./probed-fixture.js";

type Probed = ReturnType<typeof busyProbed>;

/** Probabilities that the model of the first blocks gives at every token. */
async function probabilities({ model, tables }: Probed, count: number, batch: ReturnType<typeof batchOf>) {
  const { backend } = model;
  const spec = { ...model.spec, blocks: model.spec.blocks.slice(0, count) };
  const names = new Set(modelParameters(spec).map(({ name }) => name));
  const parameters = new Map([...model.parameters].filter(([name]) => names.has(name)));
  const shorter = createModel({ spec, backend, parameters });
  const rows = rowsNeeded(shorter, batch);
  const memory = await awaitRows(shorter, rows, { tables });
  const { calls } = openScope(backend);
  const outputs = Uint32Array.from(batch.ids, (_, t) => t);
  const { logits } = forwardWithRows(forward(shorter, calls, { ...batch, rows, outputs }), memory);
  const values = await backend.download(logits);
  return Array.from(outputs, (t) => {
    const powers = Array.from(values.subarray(t * VOCABULARY, (t + 1) * VOCABULARY), Math.exp);
    const sum = powers.reduce((a, b) => a + b, 0);
    return powers.map((power) => power / sum);
  });
}

describe("logitLens", () => {
  it.each(["tied", "separate"] as const)("has the divergences and entropies of the formulae, head %s", async (head) => {
    const probed = busyProbed(head);
    const batches = [followingBatch(2, 7), batchOf([[3, 3, 5]])];
    const found = await logitLens(probed, batches);
    const counted = batches.map(({ targets }) => [...targets.keys()].filter((t) => (targets[t] ?? -1) >= 0));
    expect(found.tokens).toBe(counted.flat().length);
    const each = async (count: number) =>
      (await Promise.all(batches.map((batch) => probabilities(probed, count, batch)))).flatMap((tokens, b) =>
        tokens.filter((_, t) => counted[b]?.includes(t)),
      );
    const final = await each(3);
    for (const { layer, divergence, entropy, agreement } of found.blocks) {
      const own = await each(layer + 1);
      const mean = (of: (p: number[], q: number[]) => number) =>
        own.reduce((sum, p, t) => sum + of(p, final[t] ?? []), 0) / own.length;
      const sum = (values: number[]) => values.reduce((a, b) => a + b, 0);
      expect(divergence).toBeCloseTo(
        mean((p, q) => sum(q.map((x, i) => x * Math.log(x / (p[i] ?? 0))))),
        5,
      );
      expect(entropy).toBeCloseTo(
        mean((p) => -sum(p.map((x) => x * Math.log(x)))),
        5,
      );
      const top = (p: number[]) => p.indexOf(Math.max(...p));
      expect(agreement).toBeCloseTo(
        mean((p, q) => (top(p) === top(q) ? 1 : 0)),
        9,
      );
    }
    expect(found.blocks.map(({ layer }) => layer)).toEqual([0, 1, 2]);
    expect(found.blocks[0]?.divergence).toBeGreaterThan(0.01);
    expect(found.blocks[2]).toMatchObject({ divergence: 0, agreement: 1 });
  });

  it("leaves nothing behind, and refuses texts without a target", async () => {
    const probed = busyProbed();
    await logitLens(probed, [followingBatch(1, 5)]);
    expect(probed.model.backend.memory().tensors).toBe(probed.model.parameters.size);
    await expect(logitLens(probed, [batchOf([[1]])])).rejects.toThrow(/no target that counts/);
  });
});
