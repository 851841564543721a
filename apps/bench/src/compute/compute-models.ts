// The models that compute is measured on: the product in small, with two engrams, a dense block and experts. Their names
// say the parameters outside the tables. Weights are random: only time is measured.

import { type BlockInput, type ModelSpec, type ModelSpecInput, parseModelSpec } from "@engram-ts/core";

/** Names of the models. */
export type ComputeModelName = keyof typeof MODELS;

const engram = { kind: "engram" } as const;
const blocksWith = (count: number, hiddenWidth: number): readonly BlockInput[] => [
  { feedForward: { kind: "dense", hiddenWidth } },
  { engram },
  { engram },
  { repeat: count - 3 },
];

const memory = (vocabSize: number, width: number, size = 5_000) =>
  ({
    addressing: {
      kind: "engram",
      vocabSize,
      seed: 0,
      layers: [1, 2],
      tableSizes: [size, size],
      headsPerOrder: 4,
      padId: 0,
    },
    encoding: { kind: "bf16", width },
  }) as const;

const medium = {
  vocabSize: 2_048,
  width: 256,
  contextTokens: 1_024,
  memory: memory(2_048, 32),
  feedForward: { kind: "moe", routedExperts: 8, sharedExperts: 1, expertWidth: 96, topK: 2 },
  blocks: blocksWith(6, 768),
} as const satisfies Omit<ModelSpecInput, "attention">;

const MODELS = {
  // for trying the programs, in moments on any engine
  tiny: {
    vocabSize: 256,
    width: 32,
    contextTokens: 1_024,
    memory: memory(256, 8, 500),
    attention: { kind: "gqa", heads: 4, kvHeads: 2, headDim: 8 },
    feedForward: { kind: "moe", routedExperts: 4, sharedExperts: 1, expertWidth: 16, topK: 2 },
    blocks: blocksWith(4, 64),
  },
  "gqa-1.6m": {
    vocabSize: 1_024,
    width: 128,
    contextTokens: 1_024,
    memory: memory(1_024, 16),
    attention: { kind: "gqa", heads: 4, kvHeads: 2, headDim: 32 },
    feedForward: { kind: "moe", routedExperts: 8, sharedExperts: 1, expertWidth: 88, topK: 2 },
    blocks: blocksWith(4, 384),
  },
  "gqa-6m": { ...medium, attention: { kind: "gqa", heads: 8, kvHeads: 4, headDim: 32 } },
  // four streams, latent attention: the paper's model
  "mla-mhc-6m": {
    ...medium,
    streams: { kind: "mhc", count: 4 },
    attention: {
      kind: "mla",
      heads: 8,
      queryRank: null,
      kvRank: 64,
      nopeHeadDim: 32,
      ropeHeadDim: 16,
      valueHeadDim: 32,
    },
  },
  "gqa-120m": {
    vocabSize: 16_384,
    width: 768,
    contextTokens: 4_096,
    memory: memory(16_384, 96, 20_000),
    attention: { kind: "gqa", heads: 12, kvHeads: 4, headDim: 64 },
    feedForward: { kind: "moe", routedExperts: 16, sharedExperts: 1, expertWidth: 160, topK: 4 },
    blocks: blocksWith(12, 2_304),
  },
} as const satisfies Readonly<Record<string, ModelSpecInput>>;

/** A model's specification. */
export function computeModel(name: ComputeModelName): ModelSpec {
  return parseModelSpec({ name, ...MODELS[name] });
}

/** The names, for the command line. */
export const COMPUTE_MODEL_NAMES = Object.keys(MODELS) as readonly ComputeModelName[]; // its own keys
