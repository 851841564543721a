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
  ropeHeadDim: 4,
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
const sizes = { vocabSize: 72, width: 24, contextTokens: 64, normEpsilon: 1e-6 } as const;
const dense = { kind: "dense", hiddenWidth: 40 } as const;

const SPECS = {
  "parity-deepseek-v3": {
    ...sizes,
    attention: {
      ...latent,
      rope: { theta: 10_000, yarn: { factor: 4, originalContextTokens: 16, mscale: 1, mscaleAllDim: 0.8 } },
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
  "parity-deepseek-v3": "8d44c957eec44520b05fef199493300cc15efd0099afac73ba6604fe1a90a74a",
  "parity-deepseek-v3-direct": "0f04f6b0518b980ad591846a2899d20cdb1dc70d3ee1ca4770aad58023c6fffe",
  "parity-qwen3-moe": "2200b4168ed5b79b50beec83feb6c32615f1065ea0054b30346b9bbc8fcb2d16",
};

/** Names of whole models. */
export const PARITY_MODELS = Object.keys(SPECS) as (keyof typeof SPECS)[]; // the keys of a literal

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
  for (const { name: own } of modelParameters(spec)) weights.set(own, weightOf(file, own, spec));
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
