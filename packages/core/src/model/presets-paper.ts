// The models of the Engram paper (arXiv 2601.07372, table 1 and appendix A) and its demo, in the short form. Published:
// blocks, width, heads, experts and top-k, streams, vocabulary, memory, and the totals. Not published, and chosen here
// so that the totals hold: expert width 1536, MLA ranks and head dims, dense width 12,288, norm epsilon, Sinkhorn.

import { ADDRESSING_PRESETS } from "../addressing/presets.js";
import type { AttentionInput, BlockInput, FeedForwardInput, ModelSpecInput } from "./spec-input.js";

const demo = ADDRESSING_PRESETS["engram-demo"];

const CHOSEN =
  "Not published and chosen so that the published totals hold: expert width, dense width, MLA ranks and head dims, epsilons.";

// DeepSeek-V3's head dims and latent; the query rank 512 is what the totals leave room for
const attention: AttentionInput = {
  kind: "mla",
  heads: 32,
  queryRank: 512,
  kvRank: 512,
  nopeHeadDim: 128,
  ropeHeadDim: 64,
  valueHeadDim: 128,
};

// 8 experts' width: what a token activates in the other blocks
const denseBlock: BlockInput = { feedForward: { kind: "dense", hiddenWidth: 12_288 } };

const experts = (routedExperts: number): FeedForwardInput => ({
  kind: "moe",
  routedExperts,
  sharedExperts: 2,
  expertWidth: 1536,
  topK: 6,
});

const common = {
  vocabSize: 129_280,
  width: 2560,
  contextTokens: 4096,
  streams: { kind: "mhc", count: 4 },
  attention,
} as const;

/** Memory of d_mem 1280: 2 orders of 8 heads, 80 values a row; blocks 1 and 14, which the paper counts from 1. */
function withMemory(name: string, size: number, totals: string): ModelSpecInput {
  const engram = { kind: "engram" } as const;
  return {
    name,
    description: `arXiv 2601.07372: ${totals}. ${CHOSEN}`,
    ...common,
    feedForward: experts(55),
    memory: {
      addressing: {
        kind: "engram",
        vocabSize: 98_627,
        seed: 0,
        layers: [1, 14],
        tableSizes: [size, size],
        headsPerOrder: 8,
        padId: 2,
      },
      encoding: { kind: "bf16", width: 80 },
    },
    blocks: [denseBlock, { engram }, { repeat: 12 }, { engram }, { repeat: 15 }],
  };
}

/** Dense-4B, MoE-27B, Engram-27B and Engram-40B of the paper, and a model around the tables of its demo. */
export const PAPER_PRESETS = {
  "engram-demo": {
    name: "engram-demo",
    description:
      "The tables, width, streams and blocks of deepseek-ai/Engram engram_demo_v1.py, whose attention and feed-forward are mocked; both are chosen here.",
    vocabSize: 129_280,
    width: 1024,
    contextTokens: 4096,
    streams: { kind: "mhc", count: 4 },
    memory: { addressing: demo.config, encoding: demo.encoding },
    attention: { kind: "gqa", heads: 16, kvHeads: 4, headDim: 64 },
    feedForward: { kind: "dense", hiddenWidth: 2816 },
    blocks: [
      { repeat: 1 },
      { engram: { kind: "engram" } },
      { repeat: 13 },
      { engram: { kind: "engram" } },
      { repeat: 14 },
    ],
  },
  "dense-4b": {
    name: "dense-4b",
    description: `arXiv 2601.07372: 4.1B parameters, 3.8B activated. ${CHOSEN}`,
    ...common,
    blocks: [{ repeat: 30, ...denseBlock }],
  },
  "moe-27b": {
    name: "moe-27b",
    description: `arXiv 2601.07372: 26.7B parameters, 3.8B activated, 2 + 72 experts. ${CHOSEN}`,
    ...common,
    feedForward: experts(72),
    blocks: [denseBlock, { repeat: 29 }],
  },
  "engram-27b": withMemory("engram-27b", 2_262_400, "26.7B parameters, 3.8B activated, 5.7B of them Engram"),
  "engram-40b": withMemory("engram-40b", 7_239_680, "39.5B parameters, 3.8B activated, 18.5B of them Engram"),
} as const satisfies Readonly<Record<string, ModelSpecInput>>;
