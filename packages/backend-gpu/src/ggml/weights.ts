// Values in the type that weights are kept in. Conversion is ggml's own, on the host.

import type { Library } from "./library/load-library.js";
import { rowBytes, TYPES, type WeightType } from "./library/types.js";

/** The type for a matrix whose rows have `width` values: blocks must fill rows. */
export function weightTypeFor(wanted: WeightType, width: number): WeightType {
  if (width % TYPES[wanted].block === 0) return wanted;
  return "f16";
}

/** Values of float32 as bytes of a type. `width` is the length of a row. */
export function encodeWeights(
  { bindings }: Library,
  type: WeightType,
  values: Float32Array,
  width: number,
): Float32Array | Uint8Array {
  if (type === "f32") return values;
  const rows = values.length / width;
  const bytes = new Uint8Array(rowBytes(type, width) * rows);
  if (bytes.length === 0) return bytes;
  if (type === "f16") bindings.ggml_fp32_to_fp16_row(values, bytes, values.length);
  else if (type === "bf16") bindings.ggml_fp32_to_bf16_row(values, bytes, values.length);
  else bindings.ggml_quantize_chunk(TYPES[type].id, values, bytes, 0, rows, width, null);
  return bytes;
}
