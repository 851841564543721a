// The cost of a token against counts made another way: DeepSeek-V3's products one by one, and small models by hand.

import { DEFAULT_WORKLOAD, modelBuilder, modelCost, modelPreset, parseModelSpec } from "@engram-ts/core";
import { describe, expect, it } from "vitest";

const deepseekV3 = parseModelSpec({
  vocabSize: 129_280,
  width: 7168,
  contextTokens: 163_840,
  attention: {
    kind: "mla",
    heads: 128,
    queryRank: 1536,
    kvRank: 512,
    nopeHeadDim: 128,
    ropeHeadDim: 64,
    valueHeadDim: 128,
  },
  feedForward: { kind: "moe", routedExperts: 256, sharedExperts: 1, expertWidth: 2048, topK: 8 },
  blocks: [{ repeat: 3, feedForward: { kind: "dense", hiddenWidth: 18_432 } }, { repeat: 58 }],
});

describe("modelCost", () => {
  it("counts DeepSeek-V3's products", () => {
    // all products of the published sizes, a multiply and an add each
    const attention = 7168 * 1536 + 1536 * 128 * 192 + 7168 * 576 + 512 * 128 * 256 + 128 * 128 * 7168;
    const dense = 3 * 7168 * 18_432;
    const experts = 9 * 3 * 7168 * 2048 + 256 * 7168;
    const linear = 61 * attention + 3 * dense + 58 * experts + 129_280 * 7168;
    const tokens = 8192;
    const scores = (61 * 128 * (192 + 128) * (tokens * (tokens + 1))) / 2; // causal
    const cost = modelCost(deepseekV3, { ...DEFAULT_WORKLOAD, prefillTokens: tokens, contextTokens: tokens });
    // norms are weights, too, and no products: a few millionths
    expect((cost.prefill.flopsPerToken * tokens) / (2 * (linear * tokens + scores))).toBeCloseTo(1, 3);
    // a decoded token works on the latents of 512 + 64 and 512 values
    const decode = 2 * (linear + 61 * 128 * (576 + 512) * (tokens + 1));
    expect(cost.decode.flopsPerToken / decode).toBeCloseTo(1, 3);
  });

  it("counts weights and state of a small model by hand", () => {
    const spec = modelBuilder({ vocabSize: 10, width: 4, contextTokens: 100 })
      .blocks(2, {
        attention: { kind: "gqa", heads: 2, kvHeads: 1, headDim: 2 },
        feedForward: { kind: "dense", hiddenWidth: 3 },
      })
      .build();
    const block = 4 * 4 + 2 * 4 + 2 * 4 + 4 * 4 + 3 * (3 * 4) + 2 * 4; // q, k, v, o, gate and up and down, norms
    const ends = 4 + 10 * 4; // last norm, head
    const cost = modelCost(spec, {
      sequences: 3,
      contextTokens: 7,
      prefillTokens: 5,
      weightBytes: 2,
      stateBytes: 1,
    });
    expect(cost.weightBytes).toBe(2 * (2 * block + ends + 10 * 4));
    const state = 2 * 1 * 2; // keys and values of one kv head
    expect(cost.stateBytes).toBe(2 * state * 3 * 7);
    // a decode step: 3 tokens of 7 earlier ones and themselves; weights once, an embedding's row each
    const scores = 4 * 2 * 2 * 8;
    expect(cost.decode.flopsPerToken).toBe(2 * (2 * block + ends) + 2 * scores);
    expect(cost.decode.blocks[0]).toEqual({ flops: 3 * (2 * block + scores), bytes: 2 * block + 3 * 8 * state });
    expect(cost.decode.ends).toEqual({ flops: 3 * 2 * ends, bytes: 2 * (ends + 3 * 4) });
    // a prefill of 5: 2 earlier ones on average, only its own state written
    expect(cost.prefill.blocks[1]).toEqual({
      flops: 5 * (2 * block + 4 * 2 * 2 * 3),
      bytes: 2 * block + 5 * state,
    });
  });

  it("reads all experts when many tokens choose, and the chosen ones when one does", () => {
    const spec = modelPreset("moe-27b");
    const bytes = (sequences: number) =>
      modelCost(spec, { ...DEFAULT_WORKLOAD, sequences, contextTokens: 0 }).decode.blocks[1]?.bytes ?? 0;
    const expert = 3 * 2560 * 1536 * 2;
    const distinct = (sequences: number) => 72 * (1 - (1 - 6 / 72) ** sequences);
    for (const sequences of [2, 16, 512]) {
      const state = (sequences - 1) * 576 * 2;
      expect((bytes(sequences) - bytes(1) - state) / expert).toBeCloseTo(distinct(sequences) - 6, 3);
    }
  });

  it("leaves tables out: their rows come from stores", () => {
    const [small, large] = [modelPreset("engram-27b"), modelPreset("engram-40b")];
    expect(modelCost(large, DEFAULT_WORKLOAD)).toEqual(modelCost(small, DEFAULT_WORKLOAD));
  });
});
