// Weights of an Engram module out of a checkpoint, by the names of the published code: sizes are read off the shapes,
// every shape is checked against them, and what is missing or left over is named. Not here: the table, whose rows a
// store serves; its tensors are passed over.

import type { Safetensors } from "../checkpoint/safetensors.js";
import { EngramError } from "../errors.js";
import { applyBlockScale, blockScaleShape } from "./block-scale.js";
import type { EngramBranch, EngramModule } from "./engram-module.js";
import type { EngramModuleV41 } from "./engram-module-v41.js";
import { type NamedTensors, namedTensors, tensorTaker } from "./named-tensors.js";

/** Furthest apart that two taps of a convolution may be: far above any n-gram order, low enough to keep states small. */
export const MAX_DILATION = 1024;

/** Where a module's tensors are. */
export interface ModuleLocation {
  /** What their names begin with, such as `layers.1.engram.`; nothing where left out. */
  readonly prefix?: string;
  /** Names, after the prefix, of tensors that are no part of the module and may be there. */
  readonly ignore?: readonly string[];
}

/** The paper's module. Its dilation, the highest n-gram order, is in no tensor's shape. */
export interface LoadEngramOptions extends ModuleLocation {
  readonly kind: "engram";
  readonly dilation: number;
}

/** DeepSeek-V4.1's module. */
export interface LoadEngramV41Options extends ModuleLocation {
  readonly kind: "deepseek-v4.1";
}

/**
 * Loads a module from a safetensors file: F32, F16, BF16, and fp8 with block scales.
 * @throws EngramError `invalid-safetensors` naming the tensor that is missing, misshapen or not part of the module;
 * `unsupported` for a tensor's type; `invalid-argument` for an unknown kind or a dilation out of range.
 */
export function loadEngramModule(file: Safetensors, options: LoadEngramOptions): EngramModule;
export function loadEngramModule(file: Safetensors, options: LoadEngramV41Options): EngramModuleV41;
export function loadEngramModule(
  file: Safetensors,
  options: LoadEngramOptions | LoadEngramV41Options,
): EngramModule | EngramModuleV41 {
  const { kind, prefix = "", ignore = [] } = options;
  const tables = TABLE_PREFIXES.get(kind);
  if (tables === undefined) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "loadEngramModule",
      message: `kind is ${JSON.stringify(kind)}; use one of ${[...TABLE_PREFIXES.keys()].join(", ")}`,
    });
  }
  const skip = (name: string) => ignore.includes(name) || name.startsWith(tables);
  const tensors = namedTensors(file, prefix, skip);
  return options.kind === "engram" ? engramModuleFrom(tensors, options.dilation) : engramModuleV41From(tensors);
}

// The table's own tensors, which a module does not hold.
const TABLE_PREFIXES: ReadonlyMap<string, string> = new Map([
  ["engram", "multi_head_embedding."],
  ["deepseek-v4.1", "embed."],
]);

/**
 * The paper's module from tensors by their PyTorch names.
 * @throws EngramError `invalid-safetensors` as {@link loadEngramModule}, `invalid-argument` for the dilation.
 */
export function engramModuleFrom(tensors: NamedTensors, dilation: number): EngramModule {
  const operation = "engramModuleFrom";
  if (!Number.isInteger(dilation) || dilation < 1 || dilation > MAX_DILATION) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `dilation is ${String(dilation)}; use the highest n-gram order, 1 to ${MAX_DILATION}`,
    });
  }
  const from = tensorTaker(tensors, operation);
  const [width = 0, memoryWidth = 0] = from.shape("value_proj.weight", 2);
  const [, , kernel = 0] = from.shape("short_conv.conv.weight", 3);
  let streams = 1; // the first is asked for even where it is missing
  while (tensors.has(`key_projs.${streams}.weight`)) streams++;
  const branches: EngramBranch[] = [];
  for (let m = 0; m < streams; m++) {
    branches.push({
      keyWeight: from.take(`key_projs.${m}.weight`, [width, memoryWidth]),
      keyBias: from.take(`key_projs.${m}.bias`, [width]),
      keyNorm: from.take(`norm1.${m}.weight`, [width]),
      queryNorm: from.take(`norm2.${m}.weight`, [width]),
      convolutionNorm: from.take(`short_conv.norms.${m}.weight`, [width]),
    });
  }
  const valueWeight = from.take("value_proj.weight", [width, memoryWidth]);
  const valueBias = from.take("value_proj.bias", [width]);
  const convolutionWeight = from.take("short_conv.conv.weight", [streams * width, 1, kernel]);
  from.finish();
  const shape = { streams, width, memoryWidth, kernel, dilation };
  return { kind: "engram", ...shape, valueWeight, valueBias, branches, convolutionWeight };
}

/**
 * V4.1's module from tensors by their published names; `wkv.scale` is applied where it is there.
 * @throws EngramError `invalid-safetensors` as {@link loadEngramModule}.
 */
export function engramModuleV41From(tensors: NamedTensors): EngramModuleV41 {
  const from = tensorTaker(tensors, "engramModuleV41From");
  const [streams = 0, width = 0] = from.shape("q_weight", 2);
  const [, memoryWidth = 0] = from.shape("wkv.weight", 2);
  const rows = (streams + 1) * width;
  const weight = from.take("wkv.weight", [rows, memoryWidth]);
  const keysValueWeight = tensors.has("wkv.scale")
    ? applyBlockScale(weight, from.take("wkv.scale", blockScaleShape(rows, memoryWidth)), rows, memoryWidth)
    : weight;
  const queryWeight = from.take("q_weight", [streams, width]);
  const keyWeight = from.take("k_weight", [streams, width]);
  from.finish();
  return { kind: "deepseek-v4.1", streams, width, memoryWidth, keysValueWeight, queryWeight, keyWeight };
}
