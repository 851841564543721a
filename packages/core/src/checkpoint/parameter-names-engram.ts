// The names of Engram modules in the published codes: the paper's demo, DeepSeek-V4.1, and Qwen3.8-Flash-Next's PLE.
// Letters: d width, n streams, m memory width, k taps. Not here: their tables (published-*.ts, demo-tables.ts).

import type { EngramSpec } from "../model/model-spec.js";
import type { EngramShape } from "../model/parameters-engram.js";
import { type TensorPiece, tensorRows, wholeTensor } from "./parameter-names.js";

/**
 * The pieces of one module's parameters, by our names within the module (`key.weight`, ...).
 *
 * - `engram`: `key_projs.S.weight`, `norm1.S.weight`, ..., one for each stream S; `value_proj`; `short_conv`.
 * - `deepseek-v4.1`: `wkv.weight`, all keys and then the value; `k_weight`, `q_weight`.
 * - `qwen-ple`: `key_proj`, `value_proj`, `norm_key`, `norm_query`, `norm_conv`, `conv1d`.
 * @param prefix what the foreign names begin with: `layers.1.engram.`.
 */
export function engramModuleNames(
  spec: EngramSpec,
  { width: d, streams: n, memoryWidth: m }: EngramShape,
  prefix = "",
): Map<string, readonly TensorPiece[]> {
  const whole = (name: string, ...shape: number[]) => wholeTensor(prefix + name, ...shape);
  if (spec.kind === "deepseek-v4.1") {
    const rows = (first: number, end: number) => [tensorRows(`${prefix}wkv.weight`, [(n + 1) * d, m], first, end)];
    return new Map([
      ["key.weight", rows(0, n * d)],
      ["value.weight", rows(n * d, (n + 1) * d)],
      ["keyNorm.weight", [whole("k_weight", n, d)]],
      ["queryNorm.weight", [whole("q_weight", n, d)]],
    ]);
  }
  if (spec.kind === "qwen-ple") {
    return new Map([
      ["key.weight", [whole("key_proj.weight", n * d, m)]],
      ["value.weight", [whole("value_proj.weight", d, m)]],
      ["keyNorm.weight", [whole("norm_key.weight", n * d)]],
      ["queryNorm.weight", [whole("norm_query.weight", n * d)]],
      ["convolutionNorm.weight", [whole("norm_conv.weight", n * d)]],
      ["convolution.weight", [whole("conv1d.weight", n * d, 1, spec.convolution.kernel)]],
    ]);
  }
  const each = (name: (stream: number) => string, ...shape: number[]) =>
    Array.from({ length: n }, (_, stream) => whole(name(stream), ...shape));
  const names = new Map<string, readonly TensorPiece[]>([
    ["key.weight", each((s) => `key_projs.${s}.weight`, d, m)],
    ["value.weight", [whole("value_proj.weight", d, m)]],
    ["keyNorm.weight", each((s) => `norm1.${s}.weight`, d)],
    ["queryNorm.weight", each((s) => `norm2.${s}.weight`, d)],
  ]);
  if (spec.bias) {
    names.set(
      "key.bias",
      each((s) => `key_projs.${s}.bias`, d),
    );
    names.set("value.bias", [whole("value_proj.bias", d)]);
  }
  if (spec.convolution !== null) {
    names.set(
      "convolutionNorm.weight",
      each((s) => `short_conv.norms.${s}.weight`, d),
    );
    names.set("convolution.weight", [whole("short_conv.conv.weight", n * d, 1, spec.convolution.kernel)]);
  }
  return names;
}
