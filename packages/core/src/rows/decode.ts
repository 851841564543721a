// Encoded rows to float32 values, any number of rows in one call: the fallback for the WebAssembly kernels and what
// they are tested against. Arithmetic is float32: a scaled value is the one float32 product of the stored number and
// its scale, rounded to nearest even. NaNs decode to NaN, their sign and payload unspecified but for f32, copied as is.
// No code is an error here: rows are the table's business, and a digest says whether they are the right ones.

import { EngramError } from "../errors.js";
import { E8M0_BLOCK, encodedRowBytes, type RowEncoding } from "./encoding.js";
import { float8E4m3Table, float8E8m0Table } from "./float8.js";
import { float16Table } from "./float16.js";

const LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/**
 * Decodes rows that lie one after the other.
 *
 * - int8: `fround(q * scale)`, q from -128 to 127.
 * - fp8-e4m3-e8m0: `fround(e4m3 * 2^(code - 127))`, which is exact, or an infinity from 2^128 on.
 * - fp8-e4m3: `fround(e4m3 * fround(encoding.scale))`.
 * @param rows encoded rows, `[n, rowBytes]`, at any byte offset.
 * @param out takes the values, `[n, width]`; must not overlap `rows`.
 * @throws EngramError `invalid-argument` where the encoding or an array is none, or `rows` is not a whole number of
 * rows; `output-length` where `out` is not of `n * width` values.
 */
export function decodeRows(encoding: RowEncoding, rows: Uint8Array, out: Float32Array): void {
  const rowBytes = encodedRowBytes(encoding);
  checkArrays(encoding, rowBytes, rows, out);
  const { kind, width } = encoding;
  switch (kind) {
    case "f32":
      decodeF32(rows, out);
      break;
    case "f16":
      decodeF16(rows, out);
      break;
    case "bf16":
      decodeBf16(rows, out);
      break;
    case "int8":
      decodeInt8(width, rows, out);
      break;
    case "fp8-e4m3-e8m0":
      decodeFp8Blocks(width, rows, out);
      break;
    case "fp8-e4m3":
      decodeFp8(Math.fround(encoding.scale), rows, out);
      break;
  }
}

function decodeF32(rows: Uint8Array, out: Float32Array): void {
  if (LITTLE_ENDIAN) {
    new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(rows);
    return;
  }
  const bytes = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i++) bits[i] = bytes.getUint32(i * 4, true);
}

// Below, every index is in range by the checks of decodeRows, so the casts from `number | undefined` are sound.

function decodeF16(rows: Uint8Array, out: Float32Array): void {
  const table = float16Table();
  for (let i = 0, at = 0; i < out.length; i++, at += 2) {
    out[i] = table[(rows[at] as number) | ((rows[at + 1] as number) << 8)] as number;
  }
}

function decodeBf16(rows: Uint8Array, out: Float32Array): void {
  const bits = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0, at = 0; i < bits.length; i++, at += 2) {
    bits[i] = ((rows[at] as number) << 16) | ((rows[at + 1] as number) << 24);
  }
}

function decodeInt8(width: number, rows: Uint8Array, out: Float32Array): void {
  const bytes = new DataView(rows.buffer, rows.byteOffset, rows.byteLength);
  for (let i = 0, at = 0; i < out.length; at += 4) {
    const scale = bytes.getFloat32(at + width, true);
    for (const end = i + width; i < end; i++, at++) out[i] = (((rows[at] as number) << 24) >> 24) * scale;
  }
}

function decodeFp8Blocks(width: number, rows: Uint8Array, out: Float32Array): void {
  const values = float8E4m3Table();
  const scales = float8E8m0Table();
  const blocks = width / E8M0_BLOCK;
  for (let i = 0, at = 0; i < out.length; at += blocks) {
    const scalesAt = at + width;
    for (let block = 0; block < blocks; block++) {
      const scale = scales[rows[scalesAt + block] as number] as number;
      for (const end = i + E8M0_BLOCK; i < end; i++, at++) out[i] = (values[rows[at] as number] as number) * scale;
    }
  }
}

function decodeFp8(scale: number, rows: Uint8Array, out: Float32Array): void {
  const values = float8E4m3Table();
  for (let i = 0; i < out.length; i++) out[i] = (values[rows[i] as number] as number) * scale;
}

function checkArrays(encoding: RowEncoding, rowBytes: number, rows: Uint8Array, out: Float32Array): void {
  if (!(rows instanceof Uint8Array) || rows.length % rowBytes !== 0) {
    const found = rows instanceof Uint8Array ? `of ${rows.length} bytes` : typeof rows;
    throw new EngramError({
      code: "invalid-argument",
      operation: "decodeRows",
      message: `rows is ${found}, and ${encoding.kind} rows of ${encoding.width} values need a Uint8Array of a multiple of ${rowBytes} bytes`,
      context: { rowBytes },
    });
  }
  const expected = (rows.length / rowBytes) * encoding.width;
  if (!(out instanceof Float32Array) || out.length !== expected) {
    const found = out instanceof Float32Array ? `of ${out.length} values` : typeof out;
    throw new EngramError({
      code: "output-length",
      operation: "decodeRows",
      message: `out is ${found}, and these rows need a Float32Array of exactly ${expected} values`,
      context: { expected },
    });
  }
}
