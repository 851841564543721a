// Float32 values to encoded rows, for importers, trainers and tests; reading never comes here.
// All rounding is to nearest, ties to even. Where an encoding has scales, how they are chosen is said at encodeRows.

import { EngramError } from "../errors.js";
import { encodeBfloat16 } from "./bfloat16.js";
import { E8M0_BLOCK, encodedRowBytes, type RowEncoding } from "./encoding.js";
import { e8m0ScaleFor, encodeFloat8E4m3 } from "./float8.js";
import { encodeFloat16, nearestEven } from "./float16.js";

/**
 * Encodes rows of values.
 *
 * - f16, bf16: too large a value gives an infinity, NaN stays NaN.
 * - int8: the row's scale is `max|x| / 127` as a float32, its values are x / scale, -127 to 127.
 * - fp8-e4m3-e8m0: the scale of 32 values is the least power of two that brings their greatest magnitude to 448 or
 *   below, at least 2^-126. From 3.3e38 on a value rounds to 2^128, which decodes to an infinity.
 * - fp8-e4m3: `fround(x / scale)`, saturated at 448, infinities too; NaN becomes 0x7f.
 * @param values `[n, width]`.
 * @param out takes the rows, `[n, rowBytes]`, at any byte offset; must not overlap `values`.
 * @throws EngramError `invalid-argument` where the encoding or an array is none, `values` is not a whole number of
 * rows, or int8 or fp8-e4m3-e8m0 meets NaN or an infinity (`out` is then half written); `output-length` where `out` is
 * not of `n * rowBytes` bytes.
 */
export function encodeRows(encoding: RowEncoding, values: Float32Array, out: Uint8Array): void {
  const rowBytes = encodedRowBytes(encoding);
  checkArrays(encoding, rowBytes, values, out);
  const { kind, width } = encoding;
  const bytes = new DataView(out.buffer, out.byteOffset, out.byteLength);
  switch (kind) {
    case "f32":
      encodeF32(values, bytes);
      break;
    case "f16":
      for (let i = 0; i < values.length; i++) bytes.setUint16(i * 2, encodeFloat16(values[i] as number), true);
      break;
    case "bf16":
      for (let i = 0; i < values.length; i++) bytes.setUint16(i * 2, encodeBfloat16(values[i] as number), true);
      break;
    case "int8":
      encodeInt8(width, values, bytes);
      break;
    case "fp8-e4m3-e8m0":
      encodeFp8Blocks(width, values, out);
      break;
    case "fp8-e4m3": {
      const scale = Math.fround(encoding.scale);
      for (let i = 0; i < values.length; i++) out[i] = encodeFloat8E4m3((values[i] as number) / scale);
      break;
    }
  }
}

// In this file every index is below the length of what it reads, so the casts from `number | undefined` are sound.

/** As bits, so that a NaN keeps its payload. */
function encodeF32(values: Float32Array, out: DataView): void {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < bits.length; i++) out.setUint32(i * 4, bits[i] as number, true);
}

function encodeInt8(width: number, values: Float32Array, out: DataView): void {
  for (let i = 0, at = 0; i < values.length; at += 4) {
    const scale = int8Scale(greatestMagnitude(values, i, i + width));
    for (const end = i + width; i < end; i++, at++) {
      const x = values[i] as number;
      // At most 127: the scale is max / 127 to within one part in 2^22, or more than that.
      const q = scale === 0 ? 0 : nearestEven(Math.abs(x) / scale);
      out.setInt8(at, x < 0 ? -q : q);
    }
    out.setFloat32(at, scale, true);
  }
}

/**
 * max / 127 as a float32. Rounded to nearest, a subnormal scale could be a third too small and cut values off, and the
 * scale of the greatest float32 could give infinity times 127: the one is rounded up, the other down.
 */
function int8Scale(max: number): number {
  const scale = max / 127;
  if (scale < 2 ** -126) return Math.ceil(scale * 2 ** 149) * 2 ** -149;
  const rounded = Math.fround(scale);
  return Math.fround(rounded * 127) < Number.POSITIVE_INFINITY ? rounded : rounded - 2 ** 98;
}

function encodeFp8Blocks(width: number, values: Float32Array, out: Uint8Array): void {
  const blocks = width / E8M0_BLOCK;
  for (let i = 0, at = 0; i < values.length; at += blocks) {
    const scalesAt = at + width;
    for (let block = 0; block < blocks; block++) {
      const code = e8m0ScaleFor(greatestMagnitude(values, i, i + E8M0_BLOCK));
      const inverse = 2 ** (127 - code);
      out[scalesAt + block] = code;
      for (const end = i + E8M0_BLOCK; i < end; i++, at++) out[at] = encodeFloat8E4m3((values[i] as number) * inverse);
    }
  }
}

function greatestMagnitude(values: Float32Array, start: number, end: number): number {
  let max = 0;
  for (let i = start; i < end; i++) {
    const magnitude = Math.abs(values[i] as number);
    if (!(magnitude < Number.POSITIVE_INFINITY)) throw notFinite(values[i], i);
    if (magnitude > max) max = magnitude;
  }
  return max;
}

function notFinite(value: number | undefined, index: number): EngramError {
  return new EngramError({
    code: "invalid-argument",
    operation: "encodeRows",
    message: `value ${index} is ${value}, which cannot share a scale; encode finite values, or use f32, f16 or bf16`,
    context: { index },
  });
}

function checkArrays(encoding: RowEncoding, rowBytes: number, values: Float32Array, out: Uint8Array): void {
  if (!(values instanceof Float32Array) || values.length % encoding.width !== 0) {
    const found = values instanceof Float32Array ? `of ${values.length} values` : typeof values;
    throw new EngramError({
      code: "invalid-argument",
      operation: "encodeRows",
      message: `values is ${found}, and rows of ${encoding.width} need a Float32Array of a multiple of that`,
      context: { width: encoding.width },
    });
  }
  const expected = (values.length / encoding.width) * rowBytes;
  if (!(out instanceof Uint8Array) || out.length !== expected) {
    const found = out instanceof Uint8Array ? `of ${out.length} bytes` : typeof out;
    throw new EngramError({
      code: "output-length",
      operation: "encodeRows",
      message: `out is ${found}, and these values need a Uint8Array of exactly ${expected} bytes`,
      context: { expected },
    });
  }
}
