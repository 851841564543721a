// Float tensors of a safetensors file as float32: float32 itself without a copy where aligned, narrower formats widened,
// which is exact. Not here: 4- and 6-bit floats, and scales, which are tensors of their own.

import { EngramError } from "../errors.js";
import { decodeBfloat16 } from "../rows/bfloat16.js";
import { float8E4m3Table, float8E8m0Table } from "../rows/float8.js";
import { float16Table } from "../rows/float16.js";
import { quoted } from "./header-json.js";
import { findTensor, type Safetensors, tensorBytes, tensorValues } from "./safetensors.js";

/**
 * A float tensor's values as float32, in row-major order: F32 as a view of the file where its bytes are aligned, else a
 * copy; F16, BF16, F8_E4M3 and F8_E8M0 widened exactly. Write to it only if you own the file's bytes.
 * @throws EngramError `not-found`, or `unsupported` for a type that float32 does not hold exactly or that is no float.
 */
export function tensorFloat32(file: Safetensors, name: string): Float32Array {
  const { dtype } = findTensor(file, name);
  const values = tensorValues(file, name);
  switch (dtype) {
    case "F32":
      return values as Float32Array; // what tensorValues gives for F32
    case "BF16":
      return Float32Array.from(values as Uint16Array, decodeBfloat16); // raw codes
    case "F16":
      return lookUp(values as Uint16Array, float16Table());
    case "F8_E4M3":
      return lookUp(tensorBytes(file, name), float8E4m3Table());
    case "F8_E8M0":
      return lookUp(tensorBytes(file, name), float8E8m0Table());
    default:
      throw new EngramError({
        code: "unsupported",
        operation: "tensorFloat32",
        message: `tensor ${quoted(name)} is ${dtype}; F32, F16, BF16, F8_E4M3 and F8_E8M0 read as float32, others through tensorValues`,
        context: { tensor: name, dtype },
      });
  }
}

function lookUp(codes: Uint16Array | Uint8Array, table: Float32Array): Float32Array {
  const values = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) values[i] = table[codes[i] ?? 0] ?? 0;
  return values;
}
