// bfloat16 ("bf16"): the upper half of a float32. Codes are the 16 bits as a number.
// Decoding is exact. Encoding rounds to nearest, ties to even, as PyTorch does; beyond the greatest bfloat16 it gives
// an infinity, and every NaN becomes the quiet NaN 0x7fc0 (no sign, no payload).

const value = new Float32Array(1);
const valueBits = new Uint32Array(value.buffer);

/** The value of a bfloat16 code, 0 to 65,535, exactly. */
export function decodeBfloat16(code: number): number {
  valueBits[0] = code << 16;
  return value[0] as number; // of length 1
}

/** The bfloat16 code nearest to `x` (rounded to float32 first), ties to even; overflow gives an infinity. */
export function encodeBfloat16(x: number): number {
  value[0] = x;
  const bits = valueBits[0] as number; // of length 1
  if ((bits & 0x7fff_ffff) > 0x7f80_0000) return 0x7fc0;
  // A carry out of the mantissa raises the exponent, up to infinity: just what rounding asks for.
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
