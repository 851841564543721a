// Models of one budget cost the same wherever their sparse parameters lie: total and activated parameters by core's count,
// operations by a count of its own here, from the layers' shapes.

import { countParameters, type ModelSpec, memoryTables, memoryWidth } from "@engram-ts/core";
import { describe, expect, test } from "vitest";
import { allocatedModel } from "../../src/experiments/models/allocated-model.js";
import { EXPERIMENT_SIZES } from "../../src/experiments/models/experiment-sizes.js";

const vocabulary = { vocabSize: 4096, compressed: 3321, padId: 0 };
const RHOS = [0.9, 0.8, 0.65, 0.5, 0.35, 0.2];

/** Multiplications and additions of a token's forward, layer by layer; what no matrix multiplies with is left out. */
function forwardFlops(spec: ModelSpec, length: number): number {
  const { width: d, vocabSize, streams, memory } = spec;
  let flops = 2 * vocabSize * d; // logits
  for (const { attention, feedForward, engram } of spec.blocks) {
    if (attention.kind !== "gqa") throw new TypeError("the experiments have gqa");
    const [queries, keys] = [attention.heads * attention.headDim, attention.kvHeads * attention.headDim];
    flops += 2 * d * (2 * queries + 2 * keys); // query, output, key, value
    flops += 2 * 2 * queries * ((length + 1) / 2); // scores and sums over half of the sequence
    if (feedForward.kind === "dense") flops += 2 * 3 * d * feedForward.hiddenWidth;
    else if (feedForward.kind === "moe") {
      const { routedExperts, sharedExperts, topK, expertWidth } = feedForward;
      flops += 2 * d * routedExperts + 2 * 3 * d * expertWidth * (topK + sharedExperts);
    }
    if (engram !== undefined && memory !== undefined) flops += 2 * memoryWidth(memory) * d * (streams.count + 1);
  }
  return flops;
}

for (const scale of ["miniature", "gpu"] as const) {
  for (const budget of EXPERIMENT_SIZES[scale].budgets) {
    describe(`${scale}, ${budget.name}`, () => {
      const alone = allocatedModel(budget, 1, vocabulary);
      const whole = countParameters(alone);

      test.each(RHOS)("rho %f costs as much as experts alone", (rho) => {
        const spec = allocatedModel(budget, rho, vocabulary);
        const count = countParameters(spec);
        expect(Math.abs(count.total / whole.total - 1)).toBeLessThan(0.01);
        expect(Math.abs(count.activated / whole.activated - 1)).toBeLessThan(0.01);
        expect(Math.abs(forwardFlops(spec, 256) / forwardFlops(alone, 256) - 1)).toBeLessThan(0.01);
        expect(Math.abs((count.rho ?? 0) - rho)).toBeLessThan(scale === "gpu" ? 0.01 : 0.03);
        expect(spec.memory && memoryTables(spec.memory)).toHaveLength(1);
      });

      test("experts alone have no table", () => {
        expect(alone.memory).toBeUndefined();
        expect(whole.rho).toBe(1);
      });
    });
  }
}

test("a budget whose dense block cannot pay for the projections is refused", () => {
  const [budget] = EXPERIMENT_SIZES.miniature.budgets;
  if (budget === undefined) throw new TypeError("there is a budget");
  const poor = { ...budget, sizes: { ...budget.sizes, denseWidth: 8 } };
  expect(() => allocatedModel(poor, 0.5, vocabulary)).toThrow("cannot pay");
});
