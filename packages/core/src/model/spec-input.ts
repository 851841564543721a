// The short form of a model specification, as people write it in JSON and in code: what has a default may be left out,
// attention and feed-forward that most blocks share stand once at the top, and equal blocks in a row are one entry with
// `repeat`. A full ModelSpec is a valid short form, too. Types alone; spec-parse.ts reads it.
//
//   { "vocabSize": 129280, "width": 2560, "contextTokens": 4096, "streams": { "kind": "mhc", "count": 4 },
//     "attention": { "kind": "mla", ... }, "feedForward": { "kind": "moe", ... }, "memory": { ... },
//     "blocks": [{ "feedForward": { "kind": "dense", "hiddenWidth": 12288 } }, { "engram": { "kind": "engram" } },
//                { "repeat": 12 }, { "engram": { "kind": "engram" } }, { "repeat": 15 }] }

import type {
  ConvolutionSpec,
  CustomPartSpec,
  DeepseekV41EngramSpec,
  DenseSpec,
  GqaSpec,
  HeadKind,
  HyperConnectionsSpec,
  MemorySpec,
  MlaSpec,
  MoeSpec,
  PaperEngramSpec,
  QwenPleEngramSpec,
  ResidualSpec,
  RopeSpec,
  YarnSpec,
} from "./model-spec.js";

/** A model specification in its short form. */
export interface ModelSpecInput {
  readonly version?: 1;
  readonly name?: string;
  readonly description?: string;
  readonly vocabSize: number;
  readonly width: number;
  readonly contextTokens: number;
  /** Default 1e-6. */
  readonly normEpsilon?: number;
  /** Default `residual`. */
  readonly streams?: StreamsInput;
  /** Default `separate`. */
  readonly head?: HeadKind;
  readonly memory?: MemorySpec;
  /** The attention of blocks that name none. */
  readonly attention?: AttentionInput;
  /** The feed-forward of blocks that name none. */
  readonly feedForward?: FeedForwardInput;
  readonly blocks: readonly BlockInput[];
}

/** One block, or `repeat` equal ones in a row; a block with an engram stands alone. */
export interface BlockInput {
  /** Default 1. */
  readonly repeat?: number;
  readonly engram?: EngramInput;
  readonly attention?: AttentionInput;
  readonly feedForward?: FeedForwardInput;
}

/** Defaults: 20 iterations, epsilon 1e-6. */
export type StreamsInput = Partial<ResidualSpec> | Short<HyperConnectionsSpec, "sinkhornIterations" | "epsilon">;

/**
 * Defaults: a bias, norm epsilons 2^-23 (`engram`), 1e-20 (`deepseek-v4.1`), 1e-6 (`qwen-ple`); a convolution of kernel
 * 4, the highest n-gram order as dilation, and norm epsilon 1e-5 (`engram`) or 1e-6 (`qwen-ple`).
 */
export type EngramInput =
  | (Short<Omit<PaperEngramSpec, "convolution">, "bias" | "normEpsilon"> & {
      readonly convolution?: Partial<ConvolutionSpec> | null;
    })
  | Short<DeepseekV41EngramSpec, "normEpsilon">
  | (Short<Omit<QwenPleEngramSpec, "convolution">, "normEpsilon"> & {
      readonly convolution?: Partial<ConvolutionSpec>;
    });

/** Defaults: the kind's pairing (`mla` interleaved, `gqa` halves), theta 10,000; as many kvHeads as heads; all values rotated. */
export type AttentionInput =
  | (Omit<MlaSpec, "rope"> & { readonly rope?: RopeInput })
  | (Short<Omit<GqaSpec, "rope">, "kvHeads" | "ropeDim" | "queryKeyNorm"> & { readonly rope?: RopeInput })
  | CustomPartSpec;

/** Defaults: beta 32 and 1, no mscale. */
export type RopeInput = Partial<Omit<RopeSpec, "yarn">> & {
  readonly yarn?: Short<YarnSpec, "betaFast" | "betaSlow" | "mscale" | "mscaleAllDim">;
};

/** Defaults of `moe`: no shared experts, sigmoid, one group, normalised weights, scale 1, a balancing bias. */
export type FeedForwardInput =
  | DenseSpec
  | Short<
      MoeSpec,
      "sharedExperts" | "scoring" | "groups" | "topGroups" | "normalizeWeights" | "routeScale" | "balancingBias"
    >
  | CustomPartSpec;

/** `Whole` with some of its fields left out. */
type Short<Whole, Fields extends keyof Whole> = Omit<Whole, Fields> & Partial<Pick<Whole, Fields>>;
