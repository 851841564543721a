// A module's weights by the names of the published code, to be written to a checkpoint: the way back from
// load-engram-module.ts. Values are written as float32.

import type { TensorData } from "../checkpoint/safetensors-writer.js";
import type { EngramModule } from "./engram-module.js";
import type { EngramModuleV41 } from "./engram-module-v41.js";
import type { FloatArray } from "./rms-norm.js";

/** Tensors of a module, ready for `encodeSafetensors`; names begin with `prefix`. */
export function engramModuleTensors(
  module: EngramModule | EngramModuleV41,
  prefix = "",
): ReadonlyMap<string, TensorData> {
  const tensors = new Map<string, TensorData>();
  const add = (name: string, values: FloatArray, ...shape: number[]) =>
    tensors.set(prefix + name, { dtype: "F32", shape, data: Float32Array.from(values) });
  const { streams, width, memoryWidth } = module;
  if (module.kind === "deepseek-v4.1") {
    add("wkv.weight", module.keysValueWeight, (streams + 1) * width, memoryWidth);
    add("q_weight", module.queryWeight, streams, width);
    add("k_weight", module.keyWeight, streams, width);
    return tensors;
  }
  add("value_proj.weight", module.valueWeight, width, memoryWidth);
  add("value_proj.bias", module.valueBias, width);
  module.branches.forEach((branch, m) => {
    add(`key_projs.${m}.weight`, branch.keyWeight, width, memoryWidth);
    add(`key_projs.${m}.bias`, branch.keyBias, width);
    add(`norm1.${m}.weight`, branch.keyNorm, width);
    add(`norm2.${m}.weight`, branch.queryNorm, width);
    add(`short_conv.norms.${m}.weight`, branch.convolutionNorm, width);
  });
  add("short_conv.conv.weight", module.convolutionWeight, streams * width, 1, module.kernel);
  return tensors;
}
