// Models small enough for the exact reference to generate with, in a few milliseconds a token. Together they have every
// kind of block, engram, stream and addressing. Random weights say nothing: they are for tests and for trying things.

import type { ModelSpecInput } from "./spec-input.js";

const latent = {
  kind: "mla",
  heads: 2,
  queryRank: 12,
  kvRank: 8,
  nopeHeadDim: 8,
  ropeHeadDim: 4,
  valueHeadDim: 8,
} as const;

const experts = {
  kind: "moe",
  routedExperts: 8,
  sharedExperts: 1,
  expertWidth: 24,
  topK: 2,
} as const;

/** Tables of 2 orders with 4 heads each. */
const addressing = { vocabSize: 256, seed: 0, layers: [1, 2], tableSizes: [500, 500], headsPerOrder: 4 } as const;

const bytes = { vocabSize: 256, width: 32, contextTokens: 512 } as const;

/** `tiny` takes the tokens of DeepSeek-V3's tokenizer, the others bytes. */
export const TINY_PRESETS = {
  // the whole of the paper's model: mHC, MLA, a leading dense block, experts, two modules; 129,280 ids for real texts
  tiny: {
    name: "tiny",
    description: "The paper's model in small, for the tokens of DeepSeek-V3's tokenizer.",
    vocabSize: 129_280,
    width: 32,
    contextTokens: 2048,
    streams: { kind: "mhc", count: 4 },
    head: "tied",
    memory: {
      addressing: { ...addressing, kind: "engram", vocabSize: 98_627, tableSizes: [2000, 2000], padId: 2 },
      encoding: { kind: "f32", width: 16 },
    },
    attention: latent,
    feedForward: experts,
    blocks: [
      { feedForward: { kind: "dense", hiddenWidth: 64 } },
      { engram: { kind: "engram" } },
      { engram: { kind: "engram" } },
      {},
    ],
  },
  // groups of experts, YaRN, a head of its own, direct queries in one block
  "tiny-mla-moe": {
    name: "tiny-mla-moe",
    ...bytes,
    streams: { kind: "mhc", count: 2, sinkhornIterations: 5 },
    memory: { addressing: { ...addressing, kind: "engram", padId: 2 }, encoding: { kind: "bf16", width: 8 } },
    attention: {
      ...latent,
      rope: {
        theta: 10_000,
        yarn: { factor: 4, originalContextTokens: 128, mscale: 1, mscaleAllDim: 0.8 },
      },
    },
    feedForward: { ...experts, groups: 4, topGroups: 2, routeScale: 2.5 },
    blocks: [
      { feedForward: { kind: "dense", hiddenWidth: 48 }, attention: { ...latent, queryRank: null } },
      { engram: { kind: "engram" } },
      { engram: { kind: "engram", bias: false, convolution: { kernel: 3, dilation: 2 } } },
    ],
  },
  // one plain residual stream, grouped queries with norms and part of a head rotated
  "tiny-gqa-dense": {
    name: "tiny-gqa-dense",
    ...bytes,
    head: "tied",
    memory: {
      addressing: { ...addressing, kind: "engram", padId: 2 },
      encoding: { kind: "int8", width: 8 },
    },
    attention: { kind: "gqa", heads: 4, kvHeads: 2, headDim: 8, ropeDim: 4, queryKeyNorm: true },
    feedForward: { kind: "dense", hiddenWidth: 64 },
    blocks: [{}, { engram: { kind: "engram", convolution: null } }, { engram: { kind: "engram" } }],
  },
  // DeepSeek-V4.1's streams, module, addressing and rows
  "tiny-v4.1": {
    name: "tiny-v4.1",
    ...bytes,
    streams: { kind: "mhc-single-pass", count: 4 },
    memory: {
      addressing: { ...addressing, kind: "deepseek-v4.1", tableSizes: [500, 500, 500], padId: 2 },
      encoding: { kind: "fp8-e4m3-e8m0", width: 32 },
    },
    attention: latent,
    feedForward: { ...experts, routeScale: 1.5 },
    blocks: [{}, { engram: { kind: "deepseek-v4.1" } }, { engram: { kind: "deepseek-v4.1" } }],
  },
  // Qwen's module and addressing; one stream with hyper-connections; softmax over the experts
  "tiny-qwen-ple": {
    name: "tiny-qwen-ple",
    ...bytes,
    streams: { kind: "mhc", count: 1 },
    memory: {
      addressing: { ...addressing, kind: "qwen-ple", seed: 1234, layers: [1], eosId: 10 },
      encoding: { kind: "f16", width: 8 },
    },
    attention: { kind: "gqa", heads: 4, kvHeads: 2, headDim: 8, queryKeyNorm: true },
    feedForward: { ...experts, scoring: "softmax", balancingBias: false },
    blocks: [{}, { engram: { kind: "qwen-ple" } }],
  },
} as const satisfies Readonly<Record<string, ModelSpecInput>>;
