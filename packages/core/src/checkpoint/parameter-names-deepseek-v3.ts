// The names of a DeepSeek-V3-style backbone, as its published checkpoints and transformers have them: latent or
// grouped-query attention, dense blocks, experts. Engram modules stand in a block's `engram.` (Qwen's in `ple.`). What
// such backbones do not have, hyper-connections and the user's own kinds, keeps our names.

import type { BlockKindOptions } from "../model/block-kinds.js";
import type { ModelSpec } from "../model/model-spec.js";
import { memoryWidth, modelParameters } from "../model/parameters.js";
import { type ParameterNames, type TensorPiece, tensorRows, wholeTensor } from "./parameter-names.js";
import { engramModuleNames } from "./parameter-names-engram.js";

/** See {@link deepseekV3Names}. */
export interface DeepseekV3NamesOptions extends BlockKindOptions {
  /** What all names but the head's begin with. Default `model.`. */
  readonly prefix?: string;
  /**
   * `separate`: `experts.E.gate_proj.weight`, as published; `fused`: `experts.gate_up_proj` `[experts, gates and ups, d]`
   * and `experts.down_proj`, as transformers holds them since version 5. Default `separate`.
   */
  readonly experts?: "separate" | "fused";
}

const LATENT: Readonly<Record<string, string>> = {
  "query.weight": "q_proj.weight",
  "queryDown.weight": "q_a_proj.weight",
  "queryNorm.weight": "q_a_layernorm.weight",
  "queryUp.weight": "q_b_proj.weight",
  "kvDown.weight": "kv_a_proj_with_mqa.weight",
  "kvNorm.weight": "kv_a_layernorm.weight",
  "kvUp.weight": "kv_b_proj.weight",
  "output.weight": "o_proj.weight",
};

const GROUPED: Readonly<Record<string, string>> = {
  "query.weight": "q_proj.weight",
  "key.weight": "k_proj.weight",
  "value.weight": "v_proj.weight",
  "queryNorm.weight": "q_norm.weight",
  "keyNorm.weight": "k_norm.weight",
  "output.weight": "o_proj.weight",
};

const FEED_FORWARD: Readonly<Record<string, string>> = {
  "gate.weight": "gate_proj.weight",
  "up.weight": "up_proj.weight",
  "down.weight": "down_proj.weight",
  "router.weight": "gate.weight",
  "router.bias": "gate.e_score_correction_bias",
  "shared.gate.weight": "shared_experts.gate_proj.weight",
  "shared.up.weight": "shared_experts.up_proj.weight",
  "shared.down.weight": "shared_experts.down_proj.weight",
};

/**
 * The names of a model's parameters in checkpoints of the style of DeepSeek-V3.
 * @example const checkpoint = await openCheckpoint(storage, { spec, names: deepseekV3Names(spec) });
 * @throws EngramError `invalid-argument` where a kind is missing.
 */
export function deepseekV3Names(spec: ModelSpec, options: DeepseekV3NamesOptions = {}): ParameterNames {
  const { prefix = "model.", experts = "separate" } = options;
  const { width, streams, memory } = spec;
  const modules = spec.blocks.map(({ engram }, i) => {
    if (engram === undefined || memory === undefined) return undefined;
    const place = `${prefix}layers.${i}.${engram.kind === "qwen-ple" ? "ple" : "engram"}.`;
    return engramModuleNames(engram, { width, streams: streams.count, memoryWidth: memoryWidth(memory) }, place);
  });
  const names = new Map<string, readonly TensorPiece[]>();
  for (const { name, shape, component } of modelParameters(spec, options)) {
    if (component === "engram tables") continue;
    const [, index = "", part = "", rest = ""] = /^blocks\.(\d+)\.(\w+)\.(.+)$/.exec(name) ?? [];
    const block = spec.blocks[Number(index)];
    const layer = `${prefix}layers.${index}`;
    const own = (foreign: string | undefined) => foreign && names.set(name, [wholeTensor(foreign, ...shape)]);
    if (index === "" || block === undefined) own(outer(name, prefix));
    else if (part === "engram") names.set(name, modules[Number(index)]?.get(rest) ?? [wholeTensor(name, ...shape)]);
    else if (part === "attentionNorm") own(`${layer}.input_layernorm.weight`);
    else if (part === "feedForwardNorm") own(`${layer}.post_attention_layernorm.weight`);
    else if (part === "attention") {
      const { kind } = block.attention;
      const table = kind === "mla" ? LATENT : kind === "gqa" ? GROUPED : {};
      own(table[rest] && `${layer}.self_attn.${table[rest]}`);
    } else if (part === "feedForward" && ["dense", "moe"].includes(block.feedForward.kind)) {
      if (rest.startsWith("experts.")) names.set(name, expertPieces(`${layer}.mlp.experts`, rest, shape, experts));
      else own(FEED_FORWARD[rest] && `${layer}.mlp.${FEED_FORWARD[rest]}`);
    }
  }
  return names;
}

function outer(name: string, prefix: string): string | undefined {
  if (name === "embedding.weight") return `${prefix}embed_tokens.weight`;
  if (name === "norm.weight") return `${prefix}norm.weight`;
  return name === "head.weight" ? "lm_head.weight" : undefined;
}

/** All experts' matrices of one kind; ours are stacked, `[experts, outputs, inputs]`. */
function expertPieces(
  place: string,
  rest: string,
  [count = 0, outputs = 0, inputs = 0]: readonly number[],
  experts: "separate" | "fused",
): readonly TensorPiece[] {
  const [, which = ""] = rest.split(".");
  if (experts === "separate") {
    return Array.from({ length: count }, (_, e) => wholeTensor(`${place}.${e}.${which}_proj.weight`, outputs, inputs));
  }
  if (which === "down") return [wholeTensor(`${place}.down_proj`, count, outputs, inputs)];
  const shift = which === "up" ? outputs : 0;
  return Array.from({ length: count }, (_, e) => {
    const first = e * 2 * outputs + shift; // of the matrix [experts * (gates, ups), inputs]
    const { begin, end } = tensorRows("", [count * 2 * outputs, inputs], first, first + outputs);
    return { name: `${place}.gate_up_proj`, shape: [count, 2 * outputs, inputs], begin, end };
  });
}
