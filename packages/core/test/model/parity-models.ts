// The whole models that tools/oracles/parity-transformers.py wrote: their specifications, and their weights under our names.

import { parseModelSpec, readSafetensors, type Safetensors, tensorFloat32 } from "../../src/index.js";
import type { ModelSpec } from "../../src/model/model-spec.js";
import { modelParameters } from "../../src/model/parameters.js";
import type { ModelSpecInput } from "../../src/model/spec-input.js";
import { fixture } from "../rows/fixture.js";

const latent = {
  kind: "mla",
  heads: 2,
  queryRank: 10,
  kvRank: 8,
  nopeHeadDim: 6,
  ropeHeadDim: 8,
  valueHeadDim: 5,
} as const;
const experts = {
  kind: "moe",
  routedExperts: 8,
  sharedExperts: 2,
  expertWidth: 12,
  topK: 3,
  groups: 4,
  topGroups: 2,
  routeScale: 2.5,
} as const;
const sizes = { vocabSize: 72, width: 24, contextTokens: 96, normEpsilon: 1e-6 } as const;
const dense = { kind: "dense", hiddenWidth: 40 } as const;

/** Composed of the modules of three models: MLA and MoE of deepseek_v3, PLE of qwen4_exp, streams of deepseek_v4. */
const composed = {
  ...sizes,
  memory: {
    addressing: {
      kind: "qwen-ple",
      vocabSize: 72,
      seed: 1234,
      layers: [1],
      tableSizes: [101, 101],
      headsPerOrder: 2,
      eosId: 7,
    },
    encoding: { kind: "f32", width: 4 },
  },
  attention: latent,
  feedForward: experts,
  blocks: [{ feedForward: dense }, { engram: { kind: "qwen-ple" } }],
} as const;

const SPECS = {
  "parity-composed-mhc": { ...composed, streams: { kind: "mhc", count: 3, sinkhornIterations: 3, epsilon: 0 } },
  "parity-composed-single-pass": {
    ...composed,
    memory: { ...composed.memory, addressing: { ...composed.memory.addressing, layers: [0] } },
    blocks: [{ engram: { kind: "qwen-ple" }, feedForward: dense }, {}],
    streams: { kind: "mhc-single-pass", count: 3, sinkhornIterations: 3, epsilon: 1e-2 },
  },
  "parity-deepseek-v3": {
    ...sizes,
    attention: {
      ...latent,
      rope: {
        theta: 50,
        yarn: { factor: 4, originalContextTokens: 24, betaFast: 3, mscale: 1, mscaleAllDim: 0.8 },
      },
    },
    feedForward: experts,
    blocks: [{ feedForward: dense }, { repeat: 2 }],
  },
  "parity-deepseek-v3-direct": {
    ...sizes,
    attention: { ...latent, queryRank: null },
    feedForward: { ...experts, sharedExperts: 1, groups: 1, topGroups: 1, normalizeWeights: false },
    blocks: [{ feedForward: dense }, { repeat: 2 }],
  },
  "parity-qwen3-moe": {
    ...sizes,
    head: "tied",
    attention: { kind: "gqa", heads: 4, kvHeads: 2, headDim: 8, queryKeyNorm: true },
    feedForward: {
      kind: "moe",
      routedExperts: 6,
      expertWidth: 12,
      topK: 2,
      scoring: "softmax",
      balancingBias: false,
    },
    blocks: [{ feedForward: dense }, {}],
  },
} as const satisfies Record<string, ModelSpecInput>;

const DIGESTS: Record<keyof typeof SPECS, string> = {
  "parity-deepseek-v3": "f8480ffa6a5932135f8c05ee4bb94412ca34d54e3d6eead26fd38d84cf4939c0",
  "parity-deepseek-v3-direct": "7b2382e94b6f999d687cf6c252960d8dce040f31b2562bc859db29d03c695279",
  "parity-composed-mhc": "af68c78ab28e29a60cf9420338d71407914c589f533665ad82eaa734e78e8e55",
  "parity-composed-single-pass": "cc1e2909fe7aa29043a2fcece4fec3a635870577c25309eb1277083ba9ea2317",
  "parity-qwen3-moe": "2200b4168ed5b79b50beec83feb6c32615f1065ea0054b30346b9bbc8fcb2d16",
};

/** Names of transformers' own whole models. */
export const WHOLE_MODELS = ["parity-deepseek-v3", "parity-deepseek-v3-direct", "parity-qwen3-moe"] as const;

/** Names of models composed of transformers' modules. */
export const COMPOSED_MODELS = ["parity-composed-mhc", "parity-composed-single-pass"] as const;

/** A model of the fixtures. */
export interface ParityModel {
  readonly spec: ModelSpec;
  readonly file: Safetensors;
  /** By our names. */
  readonly weights: ReadonlyMap<string, Float32Array>;
}

export function parityModel(name: keyof typeof SPECS): ParityModel {
  const spec = parseModelSpec(SPECS[name]);
  const file = readSafetensors(fixture(`${name}.safetensors`, DIGESTS[name]));
  const weights = new Map<string, Float32Array>();
  for (const { name: own, component } of modelParameters(spec)) {
    if (component !== "engram tables") weights.set(own, weightOf(file, own, spec));
  }
  return { spec, file, weights };
}

const ATTENTION: Record<string, string> = {
  query: "q_proj",
  queryDown: "q_a_proj",
  queryUp: "q_b_proj",
  kvDown: "kv_a_proj_with_mqa",
  kvNorm: "kv_a_layernorm",
  kvUp: "kv_b_proj",
  key: "k_proj",
  value: "v_proj",
  keyNorm: "k_norm",
  output: "o_proj",
};

const MEMORY: Record<string, string> = {
  "key.weight": "key_proj.weight",
  "value.weight": "value_proj.weight",
  "keyNorm.weight": "norm_key.weight",
  "queryNorm.weight": "norm_query.weight",
  "convolutionNorm.weight": "norm_conv.weight",
  "convolution.weight": "conv1d.weight",
};

const STREAMS: Record<string, string> = { "projection.weight": "fn", "projection.bias": "base", scale: "scale" };

/** One of our parameters, out of transformers' names. */
function weightOf(file: Safetensors, own: string, spec: ModelSpec): Float32Array {
  if (own === "embedding.weight") return tensorFloat32(file, "model.embed_tokens.weight");
  if (own === "norm.weight") return tensorFloat32(file, "model.norm.weight");
  if (own === "head.weight") return tensorFloat32(file, "lm_head.weight");
  const [, layer = "", part = "", ...rest] = own.split(".");
  const block = `model.layers.${layer}`;
  if (part === "attentionNorm") return tensorFloat32(file, `${block}.input_layernorm.weight`);
  if (part === "feedForwardNorm") return tensorFloat32(file, `${block}.post_attention_layernorm.weight`);
  if (part === "attention") {
    const [name = ""] = rest;
    const latentNorm = spec.blocks[Number(layer)]?.attention.kind === "mla" ? "q_a_layernorm" : "q_norm";
    return tensorFloat32(file, `${block}.self_attn.${name === "queryNorm" ? latentNorm : ATTENTION[name]}.weight`);
  }
  const name = rest.join(".");
  if (part === "engram") return tensorFloat32(file, `ple.${MEMORY[name]}`);
  if (part.endsWith("Streams")) {
    const subLayer = 2 * Number(layer) + (part === "feedForwardStreams" ? 1 : 0);
    return tensorFloat32(file, `connections.${subLayer}.${STREAMS[name]}`);
  }
  if (name === "router.weight") return tensorFloat32(file, `${block}.mlp.gate.weight`);
  if (name === "router.bias") return tensorFloat32(file, `${block}.mlp.gate.e_score_correction_bias`);
  if (name === "experts.down.weight") return tensorFloat32(file, `${block}.mlp.experts.down_proj`);
  if (name === "experts.gate.weight") return half(file, `${block}.mlp.experts.gate_up_proj`, 0);
  if (name === "experts.up.weight") return half(file, `${block}.mlp.experts.gate_up_proj`, 1);
  const [first = "", second = ""] = rest;
  if (first === "shared") return tensorFloat32(file, `${block}.mlp.shared_experts.${second}_proj.weight`);
  return tensorFloat32(file, `${block}.mlp.${first}_proj.weight`);
}

/** Gates or ups of [experts, gates then ups, d]. */
function half(file: Safetensors, name: string, which: 0 | 1): Float32Array {
  const [experts = 0, rows = 0, d = 0] = file.header.tensors.get(name)?.shape ?? [];
  const values = tensorFloat32(file, name);
  const size = (rows / 2) * d;
  const out = new Float32Array(experts * size);
  for (let e = 0; e < experts; e++) {
    out.set(values.subarray((2 * e + which) * size, (2 * e + which + 1) * size), e * size);
  }
  return out;
}
