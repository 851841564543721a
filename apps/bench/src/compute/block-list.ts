// The blocks that are measured, at the sizes of published models: DeepSeek-V4.1's engram module, and the experts and
// attention of the Engram paper's 27B models. And the same small, for trying the programs.

import type { GqaSpec, MlaSpec, MoeSpec } from "@engram-ts/core";
import type { ComputeBlock } from "./compute-blocks.js";

interface BlockSizes {
  readonly engram: { readonly width: number; readonly streams: number; readonly memoryWidth: number };
  readonly width: number;
  readonly experts: { readonly routedExperts: number; readonly expertWidth: number; readonly topK: number };
  readonly gqa: { readonly heads: number; readonly kvHeads: number; readonly headDim: number };
  readonly mla: Pick<MlaSpec, "heads" | "kvRank" | "nopeHeadDim" | "ropeHeadDim" | "valueHeadDim"> & {
    readonly queryRank: number;
  };
}

const PUBLISHED: BlockSizes = {
  engram: { width: 5_120, streams: 4, memoryWidth: 6_144 },
  width: 2_560,
  experts: { routedExperts: 64, expertWidth: 1_536, topK: 6 },
  gqa: { heads: 20, kvHeads: 4, headDim: 128 },
  mla: { heads: 32, queryRank: 512, kvRank: 512, nopeHeadDim: 128, ropeHeadDim: 64, valueHeadDim: 128 },
};

const SMALL: BlockSizes = {
  engram: { width: 64, streams: 4, memoryWidth: 96 },
  width: 64,
  experts: { routedExperts: 8, expertWidth: 32, topK: 2 },
  gqa: { heads: 4, kvHeads: 2, headDim: 16 },
  mla: { heads: 4, queryRank: 32, kvRank: 16, nopeHeadDim: 16, ropeHeadDim: 8, valueHeadDim: 16 },
};

/** The blocks of one choice of sizes. */
export function blockList(choice: "published" | "small"): readonly ComputeBlock[] {
  const { engram, width, experts, gqa, mla } = choice === "published" ? PUBLISHED : SMALL;
  const model = { width, contextTokens: 8_192, normEpsilon: 1e-6, streams: { count: 1 } };
  const channels = engram.streams * engram.width;
  const moe: MoeSpec = {
    kind: "moe",
    ...experts,
    sharedExperts: 0,
    scoring: "sigmoid",
    groups: 1,
    topGroups: 1,
    normalizeWeights: true,
    routeScale: 1,
    balancingBias: false,
  };
  const expert = [experts.routedExperts, experts.expertWidth, width];
  const grouped: GqaSpec = {
    kind: "gqa",
    ...gqa,
    ropeDim: gqa.headDim,
    queryKeyNorm: false,
    rope: { theta: 10_000, pairing: "halves" },
  };
  const latent: MlaSpec = { kind: "mla", ...mla, rope: { theta: 10_000, pairing: "interleaved" } };
  return [
    {
      name: `engram, ${engram.streams} streams of ${engram.width}, memory of ${engram.memoryWidth}`,
      kind: "engram",
      spec: { kind: "deepseek-v4.1", normEpsilon: 1e-20 },
      model: { ...model, width: engram.width, streams: { count: engram.streams } },
      memoryWidth: engram.memoryWidth,
      weights: {
        "key.weight": [channels, engram.memoryWidth],
        "value.weight": [engram.width, engram.memoryWidth],
        "keyNorm.weight": [channels],
        "queryNorm.weight": [channels],
      },
    },
    {
      name: `${experts.routedExperts} experts of ${width} x ${experts.expertWidth}, top ${experts.topK}`,
      kind: "moe",
      spec: moe,
      model,
      memoryWidth: 0,
      weights: {
        "router.weight": [experts.routedExperts, width],
        "experts.gate.weight": expert,
        "experts.up.weight": expert,
        "experts.down.weight": [experts.routedExperts, width, experts.expertWidth],
      },
    },
    {
      name: `grouped-query attention, ${gqa.heads} heads of ${gqa.headDim}, ${gqa.kvHeads} of keys`,
      kind: "gqa",
      spec: grouped,
      model,
      memoryWidth: 0,
      weights: {
        "query.weight": [gqa.heads * gqa.headDim, width],
        "key.weight": [gqa.kvHeads * gqa.headDim, width],
        "value.weight": [gqa.kvHeads * gqa.headDim, width],
        "output.weight": [width, gqa.heads * gqa.headDim],
      },
    },
    {
      name: `latent attention, ${mla.heads} heads, latent of ${mla.kvRank}`,
      kind: "mla",
      spec: latent,
      model,
      memoryWidth: 0,
      weights: {
        "queryDown.weight": [mla.queryRank, width],
        "queryNorm.weight": [mla.queryRank],
        "queryUp.weight": [mla.heads * (mla.nopeHeadDim + mla.ropeHeadDim), mla.queryRank],
        "kvDown.weight": [mla.kvRank + mla.ropeHeadDim, width],
        "kvNorm.weight": [mla.kvRank],
        "kvUp.weight": [mla.heads * (mla.nopeHeadDim + mla.valueHeadDim), mla.kvRank],
        "output.weight": [width, mla.heads * mla.valueHeadDim],
      },
    },
  ];
}

/** Tokens that a block runs at once. */
export function blockTokens(kind: ComputeBlock["kind"], choice: "published" | "small"): readonly number[] {
  if (choice === "small") return [1, 64];
  return kind === "moe" ? [1, 64, 4_096] : kind === "engram" ? [1, 4_096] : [4_096];
}
