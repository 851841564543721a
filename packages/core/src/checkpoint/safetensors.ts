// A safetensors file in memory: its header, and its tensors' values as typed arrays, without a copy where the bytes are
// aligned. Values are read as the machine's own numbers, so the machine must be little-endian, as every one that runs
// JavaScript today is. Not here: rows of tables, which stores read by byte ranges and never whole.

import { EngramError } from "../errors.js";
import { quoted } from "./header-json.js";
import { parseSafetensorsHeader, type SafetensorsHeader, type SafetensorsTensor } from "./safetensors-header.js";

/** A checked safetensors file. */
export interface Safetensors {
  readonly header: SafetensorsHeader;
  /** The whole file. Tensors are views of it. */
  readonly bytes: Uint8Array;
}

/** Values in the type of the file. 16-bit, 8-bit and smaller floats and BOOL as their raw codes; C64 as pairs. */
export type TensorValues =
  | Float64Array
  | Float32Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int16Array
  | Uint16Array
  | Int8Array
  | Uint8Array;

/**
 * Checks a whole safetensors file.
 * @throws EngramError `invalid-safetensors` or `truncated`, naming the tensor where one is at fault.
 */
export function readSafetensors(bytes: Uint8Array): Safetensors {
  const header = parseSafetensorsHeader(bytes, bytes.length);
  // Node's Buffer is a Uint8Array whose slice does not copy: what is given out is a plain view of the same bytes.
  return { header, bytes: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
}

/**
 * The header's entry of a tensor.
 * @throws EngramError `not-found`, with some names that the file has.
 */
export function findTensor(file: Safetensors, name: string): SafetensorsTensor {
  const tensor = file.header.tensors.get(name);
  if (tensor !== undefined) return tensor;
  const names = [...file.header.tensors.keys()];
  const some = names.slice(0, 8).map(quoted).join(", ");
  throw new EngramError({
    code: "not-found",
    operation: "findTensor",
    message: `no tensor ${quoted(name)}; the file has ${names.length}: ${some}${names.length > 8 ? ", ..." : ""}`,
    context: { tensor: name, tensors: names.length },
  });
}

/**
 * A tensor's bytes, as a view of the file.
 * @throws EngramError `not-found`.
 */
export function tensorBytes(file: Safetensors, name: string): Uint8Array {
  const { begin, end } = findTensor(file, name);
  return file.bytes.subarray(begin, end);
}

/**
 * A tensor's values in the type of the file: a view of the file where its bytes are aligned, a copy where not.
 * @throws EngramError `not-found`.
 */
export function tensorValues(file: Safetensors, name: string): TensorValues {
  const bytes = tensorBytes(file, name);
  switch (findTensor(file, name).dtype) {
    case "F64":
      return typed(bytes, Float64Array);
    case "F32":
    case "C64":
      return typed(bytes, Float32Array);
    case "I64":
      return typed(bytes, BigInt64Array);
    case "U64":
      return typed(bytes, BigUint64Array);
    case "I32":
      return typed(bytes, Int32Array);
    case "U32":
      return typed(bytes, Uint32Array);
    case "I16":
      return typed(bytes, Int16Array);
    case "U16":
    case "F16":
    case "BF16":
      return typed(bytes, Uint16Array);
    case "I8":
      return typed(bytes, Int8Array);
    default:
      return bytes;
  }
}

type Constructor<T> = {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): T;
};

function typed<T>(bytes: Uint8Array, arrays: Constructor<T>): T {
  const size = arrays.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes); // a copy starts at 0
  return new arrays(aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}
