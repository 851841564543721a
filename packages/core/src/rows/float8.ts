// The two 8-bit formats of published tables (OCP 8-bit Floating Point and Microscaling Formats).
// e4m3fn: 1 sign, 4 exponent (bias 7), 3 mantissa bits; no infinities, NaN at 0x7f and 0xff, greatest 448, least 2^-9.
// e8m0: a scale, the power of two 2^(code - 127); 255 is NaN, there is no zero and no sign.
// Code 0 of e8m0 is 2^-127, as OCP, PyTorch and ml_dtypes have it. Engines that shift the code into a float32's
// exponent field read 0 there instead; rows encoded here never use it (see encode.ts), so all readers agree on them.
// Encoding e4m3fn rounds to nearest, ties to even, and saturates: beyond 448, and for infinities, it gives 448, as
// quantisers do that clamp before they cast. PyTorch's bare cast would give NaN. A NaN becomes 0x7f.

import { nearestEven } from "./float16.js";

/** The greatest e4m3fn number. */
export const FLOAT8_E4M3_MAX = 448;

const value = new Float32Array(1);
const valueBits = new Uint32Array(value.buffer);

let e4m3: Float32Array | undefined;
let e8m0: Float32Array | undefined;

/** The float32 value of each of the 256 e4m3fn codes, `[256]`; made on first use and shared: do not write to it. */
export function float8E4m3Table(): Float32Array {
  e4m3 ??= Float32Array.from({ length: 256 }, (_, code) => e4m3FromCode(code));
  return e4m3;
}

/** The float32 value of each of the 256 e8m0 codes, `[256]`; made on first use and shared: do not write to it. */
export function float8E8m0Table(): Float32Array {
  e8m0 ??= Float32Array.from({ length: 256 }, (_, code) => (code === 255 ? Number.NaN : 2 ** (code - 127)));
  return e8m0;
}

/** The value of an e4m3fn code, 0 to 255, exactly. */
export function decodeFloat8E4m3(code: number): number {
  return float8E4m3Table()[code & 0xff] as number; // the mask keeps it in the table
}

/** The value of an e8m0 code, 0 to 255, exactly: `2^(code - 127)`, NaN for 255. */
export function decodeFloat8E8m0(code: number): number {
  return float8E8m0Table()[code & 0xff] as number; // the mask keeps it in the table
}

/** The e4m3fn code nearest to `x` (rounded to float32 first), ties to even; beyond 448 it saturates. */
export function encodeFloat8E4m3(x: number): number {
  value[0] = x;
  const bits = valueBits[0] as number; // of length 1
  const sign = (bits >>> 24) & 0x80;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return 0x7f; // NaN
  if (magnitude >= 0x43e0_0000) return sign | 0x7e; // from 448
  // Below 2^-6 the codes count multiples of 2^-9; the count 8 is the code of 2^-6 itself.
  if (magnitude < 0x3c80_0000) return sign | nearestEven(Math.abs(Math.fround(x)) * 512);
  const rounded = magnitude + 0x7_ffff + ((magnitude >>> 20) & 1);
  return sign | ((rounded >>> 20) - (120 << 3)); // exponent bias 127 to 7
}

/**
 * The e8m0 code of the least power of two that brings `max` to 448 or below, at least 2^-126 (code 1).
 * @param max a finite float32, not negative.
 */
export function e8m0ScaleFor(max: number): number {
  value[0] = max;
  const bits = valueBits[0] as number; // of length 1
  const exponent = bits >>> 23;
  // 448 = 1.75 * 2^8, and the mantissa bits of 1.75 are 0x600000.
  const code = (bits & 0x7f_ffff) > 0x60_0000 ? exponent - 7 : exponent - 8;
  return Math.max(code, 1);
}

function e4m3FromCode(code: number): number {
  const sign = code & 0x80 ? -1 : 1;
  const exponent = (code >>> 3) & 15;
  const mantissa = code & 7;
  if (exponent === 15 && mantissa === 7) return Number.NaN;
  if (exponent === 0) return sign * mantissa * 2 ** -9;
  return sign * (8 + mantissa) * 2 ** (exponent - 10);
}
