// Names, shapes and counts of parameters: against the parameter counts that published checkpoints have, which their files
// and their makers state, and against shapes written out by hand.

import {
  countParameters,
  engramParameters,
  type ModelSpecInput,
  modelParameters,
  modelPreset,
  parseModelSpec,
  streamsParameters,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";

const deepseek: ModelSpecInput = {
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
  feedForward: {
    kind: "moe",
    routedExperts: 256,
    sharedExperts: 1,
    expertWidth: 2048,
    topK: 8,
    groups: 8,
    topGroups: 4,
    routeScale: 2.5,
  },
  blocks: [{ repeat: 3, feedForward: { kind: "dense", hiddenWidth: 18_432 } }, { repeat: 58 }],
};

const qwen = (heads: number, kvHeads: number) =>
  ({ kind: "gqa", heads, kvHeads, headDim: 128, queryKeyNorm: true, rope: { theta: 1e6 } }) as const;

const published: Readonly<Record<string, { spec: ModelSpecInput; total: number }>> = {
  "DeepSeek-V3": { spec: deepseek, total: 671_026_419_200 },
  "DeepSeek-V2-Lite": {
    spec: {
      vocabSize: 102_400,
      width: 2048,
      contextTokens: 163_840,
      attention: {
        kind: "mla",
        heads: 16,
        queryRank: null,
        kvRank: 512,
        nopeHeadDim: 128,
        ropeHeadDim: 64,
        valueHeadDim: 128,
      },
      feedForward: {
        kind: "moe",
        routedExperts: 64,
        sharedExperts: 2,
        expertWidth: 1408,
        topK: 6,
        scoring: "softmax",
        normalizeWeights: false,
        balancingBias: false,
      },
      blocks: [{ feedForward: { kind: "dense", hiddenWidth: 10_944 } }, { repeat: 26 }],
    },
    total: 15_706_484_224,
  },
  "Qwen3-30B-A3B": {
    spec: {
      vocabSize: 151_936,
      width: 2048,
      contextTokens: 40_960,
      attention: qwen(32, 4),
      feedForward: {
        kind: "moe",
        routedExperts: 128,
        expertWidth: 768,
        topK: 8,
        scoring: "softmax",
        balancingBias: false,
      },
      blocks: [{ repeat: 48 }],
    },
    total: 30_532_122_624,
  },
  "Qwen3-8B": {
    spec: {
      vocabSize: 151_936,
      width: 4096,
      contextTokens: 40_960,
      attention: qwen(32, 8),
      feedForward: { kind: "dense", hiddenWidth: 12_288 },
      blocks: [{ repeat: 36 }],
    },
    total: 8_190_735_360,
  },
  "Qwen3-0.6B": {
    spec: {
      vocabSize: 151_936,
      width: 1024,
      contextTokens: 40_960,
      head: "tied",
      attention: qwen(16, 8),
      feedForward: { kind: "dense", hiddenWidth: 3072 },
      blocks: [{ repeat: 28 }],
    },
    total: 596_049_920,
  },
  "Llama-3.1-8B": {
    spec: {
      vocabSize: 128_256,
      width: 4096,
      contextTokens: 131_072,
      attention: { kind: "gqa", heads: 32, kvHeads: 8, headDim: 128, rope: { theta: 5e5 } },
      feedForward: { kind: "dense", hiddenWidth: 14_336 },
      blocks: [{ repeat: 32 }],
    },
    total: 8_030_261_248,
  },
};

describe("modelParameters", () => {
  it.each(Object.entries(published))("counts %s exactly", (_name, { spec, total }) => {
    expect(countParameters(parseModelSpec(spec)).total).toBe(total);
  });

  it("counts what DeepSeek-V3 activates as its makers do: 36.6B, no input embedding, the whole head", () => {
    expect((countParameters(parseModelSpec(deepseek)).activated / 1e9).toFixed(1)).toBe("36.6");
  });

  it("names each once, in the order of the forward, with the shapes of the kinds", () => {
    const parameters = modelParameters(modelPreset("tiny-mla-moe"));
    expect(new Set(parameters.map((one) => one.name)).size).toBe(parameters.length);
    const shapes = parameters.map(({ name, shape }) => `${name} ${shape.join("x")}`);
    const block = (i: number) => shapes.filter((one) => one.startsWith(`blocks.${i}.`)).map((one) => one.slice(9));
    expect(shapes.slice(0, 1)).toEqual(["embedding.weight 256x32"]);
    expect(shapes.slice(-2)).toEqual(["norm.weight 32", "head.weight 256x32"]);
    const streams = (slot: string) => [
      `${slot}Streams.projection.weight 8x64`,
      `${slot}Streams.projection.bias 8`,
      `${slot}Streams.scale 3`,
      `${slot}Norm.weight 32`,
    ];
    const latent = [
      "attention.kvDown.weight 12x32",
      "attention.kvNorm.weight 8",
      "attention.kvUp.weight 32x8",
      "attention.output.weight 32x16",
    ];
    expect(block(0)).toEqual([
      ...streams("attention"),
      "attention.query.weight 24x32",
      ...latent,
      ...streams("feedForward"),
      "feedForward.gate.weight 48x32",
      "feedForward.up.weight 48x32",
      "feedForward.down.weight 32x48",
    ]);
    expect(block(1)).toEqual([
      "engram.table 4264x8", // 503 + 509 + 521 + 523 + 541 + 547 + 557 + 563
      "engram.key.weight 64x64",
      "engram.key.bias 64",
      "engram.value.weight 32x64",
      "engram.value.bias 32",
      "engram.keyNorm.weight 64",
      "engram.queryNorm.weight 64",
      "engram.convolutionNorm.weight 64",
      "engram.convolution.weight 64x4",
      ...streams("attention"),
      "attention.queryDown.weight 12x32",
      "attention.queryNorm.weight 12",
      "attention.queryUp.weight 24x12",
      ...latent,
      ...streams("feedForward"),
      "feedForward.router.weight 8x32",
      "feedForward.router.bias 8",
      "feedForward.experts.gate.weight 8x24x32",
      "feedForward.experts.up.weight 8x24x32",
      "feedForward.experts.down.weight 8x32x24",
      "feedForward.shared.gate.weight 24x32",
      "feedForward.shared.up.weight 24x32",
      "feedForward.shared.down.weight 32x24",
    ]);
    expect(block(2)).toContain("engram.convolution.weight 64x3");
    expect(block(2).some((one) => one.includes("engram.key.bias"))).toBe(false);
  });

  it("has no head of its own where it is tied, and uses all of the embedding", () => {
    const spec = modelPreset("tiny-gqa-dense");
    expect(modelParameters(spec).map((one) => one.name)).not.toContain("head.weight");
    const { components } = countParameters(spec);
    expect(components[0]).toEqual({ component: "embedding", total: 256 * 32, activated: 256 * 32 });
  });
});

describe("engramParameters", () => {
  // of the published DeepSeek-V4.1-Flash: wkv [25600, 6144], q_weight and k_weight [4, 5120]
  it("has the sizes of the published module", () => {
    const shape = { width: 5120, streams: 4, memoryWidth: 6144 };
    const module = engramParameters({ kind: "deepseek-v4.1", normEpsilon: 1e-20 }, shape);
    expect(module.map(({ name, shape: sides }) => [name, ...sides])).toEqual([
      ["key.weight", 20_480, 6144],
      ["value.weight", 5120, 6144],
      ["keyNorm.weight", 20_480],
      ["queryNorm.weight", 20_480],
    ]);
  });

  it("starts norms that scale by 1 + weight at 0, and convolutions at 0", () => {
    const convolution = { kernel: 4, dilation: 3, normEpsilon: 1e-6 };
    const shape = { width: 8, streams: 2, memoryWidth: 12 };
    const module = engramParameters({ kind: "qwen-ple", normEpsilon: 1e-6, convolution }, shape);
    expect(Object.fromEntries(module.map(({ name, initial }) => [name, initial]))).toEqual({
      "key.weight": "normal",
      "value.weight": "normal",
      "keyNorm.weight": "zeros",
      "queryNorm.weight": "zeros",
      "convolutionNorm.weight": "zeros",
      "convolution.weight": "zeros",
    });
  });
});

describe("streamsParameters", () => {
  it("has one projection of (2 + n) n rows, or nothing for a plain residual", () => {
    expect(streamsParameters({ kind: "residual", count: 1 }, 16)).toEqual([]);
    for (const count of [1, 2, 4]) {
      const streams = { kind: "mhc", count, sinkhornIterations: 20, epsilon: 0 } as const;
      expect(streamsParameters(streams, 16).map(({ shape }) => shape)).toEqual([
        [(2 + count) * count, count * 16],
        [(2 + count) * count],
        [3],
      ]);
    }
  });
});
