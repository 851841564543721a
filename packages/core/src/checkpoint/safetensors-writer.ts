// Writes a safetensors file in memory, byte for byte as the format's reference implementation does: wide types first,
// then by name, so that equal tensors give equal files whatever order they came in. Metadata is written by name.
// Not here: tables, which are too large for memory and are written in parts.

import { EngramError } from "../errors.js";
import { DTYPES, type Dtype, denseBytes, isDtype } from "./dtype.js";
import { hasLoneSurrogate, quoted } from "./header-json.js";
import { MAX_HEADER_BYTES } from "./safetensors-header.js";

/** A tensor to write: `data` holds the row-major little-endian values, as a typed array or as raw bytes. */
export interface TensorData {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  readonly data: ArrayBufferView;
}

/**
 * A safetensors file of the given tensors.
 * @throws EngramError `invalid-argument`, naming the tensor, where its bytes do not fit its shape, or a name or type
 * cannot be written.
 */
export function encodeSafetensors(
  tensors: ReadonlyMap<string, TensorData>,
  metadata: ReadonlyMap<string, string> = new Map(),
): Uint8Array {
  const ordered = [...tensors].sort(
    ([a, left], [b, right]) => DTYPES.indexOf(right.dtype) - DTYPES.indexOf(left.dtype) || byUtf8(a, b),
  );
  const parts: string[] = [];
  if (metadata.size > 0) {
    const pairs = [...metadata].sort(([a], [b]) => byUtf8(a, b)).map(([key, value]) => metadataPair(key, value));
    parts.push(`"__metadata__":{${pairs.join(",")}}`);
  }
  let at = 0;
  for (const [name, tensor] of ordered) {
    const end = at + checkedBytes(name, tensor);
    const shape = tensor.shape.join(",");
    parts.push(`${JSON.stringify(name)}:{"dtype":"${tensor.dtype}","shape":[${shape}],"data_offsets":[${at},${end}]}`);
    at = end;
  }
  const json = new TextEncoder().encode(`{${parts.join(",")}}`);
  const headerBytes = Math.ceil(json.length / 8) * 8;
  if (headerBytes > MAX_HEADER_BYTES) {
    refuse(`the header takes ${headerBytes} bytes, at most ${MAX_HEADER_BYTES} are allowed; write several files`);
  }
  const file = new Uint8Array(8 + headerBytes + at);
  new DataView(file.buffer).setUint32(0, headerBytes, true);
  file.set(json, 8);
  file.fill(0x20, 8 + json.length, 8 + headerBytes);
  at = 8 + headerBytes;
  for (const [, { data }] of ordered) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

function checkedBytes(name: string, { dtype, shape, data }: TensorData): number {
  const fail = (message: string): never => refuse(`tensor ${quoted(name)}: ${message}`, { tensor: name });
  if (name === "__metadata__") fail("this name is taken by the format; choose another");
  if (hasLoneSurrogate(name)) fail("the name holds half of a surrogate pair, which UTF-8 cannot write");
  if (!isDtype(dtype)) fail(`dtype is ${String(dtype)}; known are ${DTYPES.join(", ")}`);
  const bytes = denseBytes(dtype, shape);
  if (typeof bytes === "string") return fail(`shape [${shape}] of ${dtype} is no whole number of bytes below 2^53`);
  if (data.byteLength !== bytes) {
    fail(`data has ${data.byteLength} bytes, ${dtype} of shape [${shape}] takes ${bytes}`);
  }
  return bytes;
}

function metadataPair(key: string, value: string): string {
  if (typeof value !== "string" || hasLoneSurrogate(key) || hasLoneSurrogate(value)) {
    refuse(`metadata ${quoted(key)} must be a string that UTF-8 can write`, { key });
  }
  return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
}

/** UTF-8's order: that of UTF-16, but for surrogates, which stand for characters beyond all other units. */
function byUtf8(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left !== right) return utf8Rank(left) - utf8Rank(right);
  }
  return a.length - b.length;
}

function utf8Rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x1_0000 : unit;
}

function refuse(message: string, context: Record<string, unknown> = {}): never {
  throw new EngramError({ code: "invalid-argument", operation: "encodeSafetensors", message, context });
}
