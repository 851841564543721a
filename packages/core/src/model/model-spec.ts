// A whole model as plain data: what a checkpoint's config.json holds, what counts and plans are made from, and what the
// forward follows. The types and what each field means; here every field is there and every block is written out. The
// short form that people write (defaults left out, equal blocks repeated) and its check are in spec-input.ts and
// spec-parse.ts. No weights, no names of parameters (parameters.ts), no rows (they lie in stores).
//
// Letters: d width, n streams, H heads, E routed experts, T tokens.

import type { AddressingConfig } from "../addressing/addressing-config.js";
import type { RowEncoding } from "../rows/encoding.js";

/** The version of the format that this package reads and writes. */
export const MODEL_SPEC_VERSION = 1;

/**
 * A checked model. Made by `parseModelSpec` or the builder; it is its own JSON, and parsing it again gives an equal one.
 *
 * Order of a forward: token embedding, copied to all streams; per block its engram, its attention, its feed-forward,
 * each behind an RMS norm of its own (the engram has its norms inside); the streams become one; RMS norm; head.
 */
export interface ModelSpec {
  readonly version: typeof MODEL_SPEC_VERSION;
  /** What people call it. */
  readonly name?: string;
  /** Where its numbers are from, and which of them are a choice. */
  readonly description?: string;
  /** Token ids are below this; rows of the token embedding. HF `vocab_size`. */
  readonly vocabSize: number;
  /** Values of one stream's hidden state, d. HF `hidden_size`. */
  readonly width: number;
  /** Most tokens of a sequence. HF `max_position_embeddings`. */
  readonly contextTokens: number;
  /** Epsilon of every RMS norm that has none of its own. HF `rms_norm_eps`. */
  readonly normEpsilon: number;
  /** How blocks write into the residual. */
  readonly streams: StreamsSpec;
  /** `tied`: the logits use the token embedding; `separate`: a matrix of its own. HF `tie_word_embeddings`. */
  readonly head: HeadKind;
  /** How tokens become rows and how rows are written; there exactly where a block has an engram. */
  readonly memory?: MemorySpec;
  /** One entry a block, in order; the index is the layer number of addressing and tables. */
  readonly blocks: readonly BlockSpec[];
}

/** See {@link ModelSpec.head}. */
export type HeadKind = "tied" | "separate";

/** See {@link ModelSpec.streams}. */
export type StreamsSpec = ResidualSpec | HyperConnectionsSpec;

/** One stream: x <- x + F(x). */
export interface ResidualSpec {
  readonly kind: "residual";
  readonly count: 1;
}

/**
 * Manifold-constrained hyper-connections (arXiv 2512.24880): n streams X `[n, d]`, and around each attention and each
 * feed-forward X <- H_res X + H_post^T F(H_pre X). The coefficients come from one projection of the n*d values,
 * RMS-normalised with one statistic and no learned scale, times three learned scalars, plus a bias:
 * H_pre = sigmoid, H_post = 2 sigmoid, H_res `[n, n]` made doubly stochastic by Sinkhorn-Knopp.
 *
 * - `mhc`, the paper's: Sinkhorn of exp(logits), rows then columns in each iteration; each sub-layer collapses the streams with
 *   its own H_pre; the streams' mean goes to the last norm.
 * - `mhc-single-pass`, DeepSeek-V4.1's: `epsilon` is added to H_pre and to the row softmax that starts Sinkhorn (then
 *   columns, then `sinkhornIterations - 1` times rows and columns, each denominator plus `epsilon`); each sub-layer
 *   collapses the streams with the H_pre of the sub-layer before it, the first with stream 0 alone; the last H_pre
 *   collapses the streams for the last norm.
 *
 * With `count` 1 it is the single-stream case: H_res is 1, H_pre and H_post are gates of input and output.
 */
export interface HyperConnectionsSpec {
  readonly kind: "mhc" | "mhc-single-pass";
  /** Streams, n. HF `hc_mult`. */
  readonly count: number;
  /** HF `hc_sinkhorn_iters`. */
  readonly sinkhornIterations: number;
  /** HF `hc_eps`; 0 is allowed for `mhc`, where it is added to the denominators alone. */
  readonly epsilon: number;
}

/** The tables of a model: one for each entry of `addressing.layers`. */
export interface MemorySpec {
  readonly addressing: AddressingConfig;
  /** All tables of a model are written alike. A row's width times rows per token is the memory width. */
  readonly encoding: RowEncoding;
}

/** One block: engram, then attention, then feed-forward. */
export interface BlockSpec {
  readonly engram?: EngramSpec;
  readonly attention: AttentionSpec;
  readonly feedForward: FeedForwardSpec;
}

/**
 * How a block reads its rows into the streams: one key a stream, one value for all, a gate, perhaps a short convolution.
 * Independent of the addressing's kind, though the published models use both of one kind.
 */
export type EngramSpec = PaperEngramSpec | DeepseekV41EngramSpec | QwenPleEngramSpec;

/** The module of the paper and of the demo (arXiv 2601.07372, equations 3 to 6). */
export interface PaperEngramSpec {
  readonly kind: "engram";
  /** Whether key and value projections have a bias: in the demo's code they do. */
  readonly bias: boolean;
  /** Epsilon of the key and query norms. */
  readonly normEpsilon: number;
  /** `null`: the module adds gate times value alone. */
  readonly convolution: ConvolutionSpec | null;
}

/** DeepSeek-V4.1's: one fused projection without bias, keys first; the sign of -0 counts; no convolution. */
export interface DeepseekV41EngramSpec {
  readonly kind: "deepseek-v4.1";
  /** Epsilon of the key and query norms, 1e-20 in the published configuration. */
  readonly normEpsilon: number;
}

/** Qwen3.8-Flash-Next's PLE: no bias; norms scale by 1 + weight; the convolution of the paper. */
export interface QwenPleEngramSpec {
  readonly kind: "qwen-ple";
  /** Epsilon of the key and query norms. */
  readonly normEpsilon: number;
  readonly convolution: ConvolutionSpec;
}

/** A causal depthwise convolution over time; it looks back `(kernel - 1) * dilation` tokens. */
export interface ConvolutionSpec {
  /** Taps. */
  readonly kernel: number;
  /** Tokens between two taps; the published modules use the highest n-gram order. */
  readonly dilation: number;
  /** Epsilon of the norm before it. */
  readonly normEpsilon: number;
}

/** See {@link MlaSpec}, {@link GqaSpec}, {@link CustomPartSpec}. */
export type AttentionSpec = MlaSpec | GqaSpec | CustomPartSpec;

/**
 * Multi-head latent attention (DeepSeek-V3; HF `deepseek_v3`). Keys and values of all heads come from one latent of
 * `kvRank` values, which is cached together with the `ropeHeadDim` values of the one rotated key that all heads share.
 * Scores are divided by sqrt(nopeHeadDim + ropeHeadDim). Latents have RMS norms with the model's epsilon. No biases.
 */
export interface MlaSpec {
  readonly kind: "mla";
  /** HF `num_attention_heads`. */
  readonly heads: number;
  /** Width of the query latent; `null` projects queries directly. HF `q_lora_rank`. */
  readonly queryRank: number | null;
  /** Width of the key-value latent. HF `kv_lora_rank`. */
  readonly kvRank: number;
  /** Values of a head's query and key without position. HF `qk_nope_head_dim`. */
  readonly nopeHeadDim: number;
  /** Values of a head's query and key that are rotated; even. HF `qk_rope_head_dim`. */
  readonly ropeHeadDim: number;
  /** HF `v_head_dim`. */
  readonly valueHeadDim: number;
  readonly rope: RopeSpec;
}

/** Grouped-query attention (HF Llama, Qwen): query head h reads key-value head floor(h * kvHeads / heads). No biases. */
export interface GqaSpec {
  readonly kind: "gqa";
  /** HF `num_attention_heads`. */
  readonly heads: number;
  /** Divides `heads`. HF `num_key_value_heads`. */
  readonly kvHeads: number;
  /** HF `head_dim`. */
  readonly headDim: number;
  /** The first `ropeDim` values of a head are rotated, the rest has no position; even. HF `partial_rotary_factor`. */
  readonly ropeDim: number;
  /** Whether queries and keys pass an RMS norm of each head's values before the rotation (Qwen3). */
  readonly queryKeyNorm: boolean;
  readonly rope: RopeSpec;
}

/** Rotary position embedding. */
export interface RopeSpec {
  /** HF `rope_theta`. */
  readonly theta: number;
  /** Which two values rotate together: neighbours (DeepSeek, HF `rope_interleave`), or i and i + half (HF Llama). */
  readonly pairing: "interleaved" | "halves";
  /** Extension to longer contexts; none where left out. */
  readonly yarn?: YarnSpec;
}

/**
 * YaRN (arXiv 2309.00071) as HF has it: frequencies between the two betas are blended with those divided by `factor`.
 * With m(x) = 0.1 x ln(factor) + 1 (1 where factor <= 1), cosine and sine are multiplied by m(mscale) / m(mscaleAllDim)
 * where both are above 0, else by m(1); and in `mla`, where mscaleAllDim is above 0, the scores by m(mscaleAllDim)^2.
 */
export interface YarnSpec {
  readonly factor: number;
  /** HF `original_max_position_embeddings`. */
  readonly originalContextTokens: number;
  readonly betaFast: number;
  readonly betaSlow: number;
  /** 0 where the configuration has none. */
  readonly mscale: number;
  /** 0 where the configuration has none. HF `mscale_all_dim`. */
  readonly mscaleAllDim: number;
}

/** See {@link DenseSpec}, {@link MoeSpec}, {@link CustomPartSpec}. */
export type FeedForwardSpec = DenseSpec | MoeSpec | CustomPartSpec;

/** SwiGLU: down(silu(gate x) * up x), no biases. */
export interface DenseSpec {
  readonly kind: "dense";
  /** HF `intermediate_size`. */
  readonly hiddenWidth: number;
}

/**
 * Mixture of SwiGLU experts (DeepSeekMoE as in DeepSeek-V3). Affinities s = scoring(W_r x) `[E]` in float32; the
 * `topK` experts with the highest s + bias are taken, from the `topGroups` groups whose two best s + bias sum highest;
 * their weights are s without the bias, divided by their sum (+ 1e-20) where `normalizeWeights`, times `routeScale`.
 * Shared experts take every token, and are one SwiGLU of `sharedExperts * expertWidth`.
 */
export interface MoeSpec {
  readonly kind: "moe";
  /** HF `n_routed_experts`, E. */
  readonly routedExperts: number;
  /** May be 0. HF `n_shared_experts`. */
  readonly sharedExperts: number;
  /** Hidden width of one expert. HF `moe_intermediate_size`. */
  readonly expertWidth: number;
  /** HF `num_experts_per_tok`. */
  readonly topK: number;
  /** Applied to the E router logits; softmax over all of them. */
  readonly scoring: "sigmoid" | "softmax";
  /** Equal groups of neighbouring experts; 1 for none. HF `n_group`. */
  readonly groups: number;
  /** Groups that a token may choose from. HF `topk_group`. */
  readonly topGroups: number;
  /** HF `norm_topk_prob`. */
  readonly normalizeWeights: boolean;
  /** HF `routed_scaling_factor`. */
  readonly routeScale: number;
  /** Whether the router has a bias for the choice, set by loss-free balancing, not by gradients (arXiv 2408.15664). */
  readonly balancingBias: boolean;
}

/** The name of a user's own kind: their name, a slash, the kind's, as `acme/retention`. Names without a slash are ours. */
export type CustomKindName = `${string}/${string}`;

/** An attention or feed-forward of a kind that the user brings (block-kinds.ts): whatever fields that kind has. */
export interface CustomPartSpec {
  readonly kind: CustomKindName;
  readonly [field: string]: JsonValue;
}

/** What JSON can say. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };
