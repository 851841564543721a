// The models that come with the package, by name. The same lie as JSON in examples/models. The tables of published
// checkpoints (deepseek-v4.1-flash, qwen3.8-flash-next), whose backbones no specification here can say, are in
// addressing/presets.ts, and as a memory without a model here.

import { ADDRESSING_PRESETS } from "../addressing/presets.js";
import { EngramError } from "../errors.js";
import type { MemorySpec, ModelSpec } from "./model-spec.js";
import { PAPER_PRESETS } from "./presets-paper.js";
import { TINY_PRESETS } from "./presets-tiny.js";
import type { ModelSpecInput } from "./spec-input.js";
import { parseModelSpec } from "./spec-parse.js";

/** Whole models in the short form: the paper's and its demo's, and tiny ones. Plain data; do not change it. */
export const MODEL_PRESETS = { ...PAPER_PRESETS, ...TINY_PRESETS } as const satisfies Readonly<
  Record<string, ModelSpecInput>
>;

/** The names of whole models. */
export type ModelPresetName = keyof typeof MODEL_PRESETS;

const { "deepseek-v4.1-flash": deepseek, "qwen3.8-flash-next": qwen } = ADDRESSING_PRESETS;

/** Tables of published checkpoints, without the models around them. */
export const MEMORY_PRESETS = {
  "deepseek-v4.1-flash": { addressing: deepseek.config, encoding: deepseek.encoding },
  "qwen3.8-flash-next": { addressing: qwen.config, encoding: qwen.encoding },
} as const satisfies Readonly<Record<string, MemorySpec>>;

/** The names of tables without a model. */
export type MemoryPresetName = keyof typeof MEMORY_PRESETS;

/**
 * A preset, complete and fresh.
 * @throws EngramError `not-found`, naming the presets there are.
 * @example modelPreset("engram-27b").blocks.length // 30
 */
export function modelPreset(name: ModelPresetName): ModelSpec {
  if (Object.hasOwn(MODEL_PRESETS, name)) return parseModelSpec(MODEL_PRESETS[name]);
  throw new EngramError({
    code: "not-found",
    operation: "modelPreset",
    message: `there is no model preset ${JSON.stringify(name)}; use one of ${Object.keys(MODEL_PRESETS).join(", ")}`,
    context: { name },
  });
}
