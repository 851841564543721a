// IEEE 754 binary16 ("f16", "half"): 1 sign, 5 exponent, 10 mantissa bits. Codes are the 16 bits as a number.
// Decoding is exact. Encoding rounds to nearest, ties to even, as NumPy and PyTorch do; from 65,520 on it gives an
// infinity, and every NaN becomes the quiet NaN 0x7e00 (no sign, no payload).

const value = new Float32Array(1);
const valueBits = new Uint32Array(value.buffer);

let table: Float32Array | undefined;

/** The float32 value of each of the 65,536 binary16 codes, `[65536]`; made on first use and shared: do not write to it. */
export function float16Table(): Float32Array {
  if (table !== undefined) return table;
  const filled = new Float32Array(65_536);
  for (let code = 0; code < 65_536; code++) filled[code] = fromCode(code);
  table = filled;
  return filled;
}

/** The value of a binary16 code, 0 to 65,535, exactly. */
export function decodeFloat16(code: number): number {
  return float16Table()[code & 0xffff] as number; // the mask keeps it in the table
}

/** The binary16 code nearest to `x` (rounded to float32 first), ties to even; overflow gives an infinity. */
export function encodeFloat16(x: number): number {
  value[0] = x;
  const bits = valueBits[0] as number; // of length 1
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return 0x7e00; // NaN
  if (magnitude >= 0x477f_f000) return sign | 0x7c00; // from 65,520, half-way to the first absent number
  // Below 2^-14 the codes count multiples of 2^-24; the count 1,024 is the code of 2^-14 itself.
  if (magnitude < 0x3880_0000) return sign | nearestEven(Math.abs(Math.fround(x)) * 2 ** 24);
  const rounded = magnitude + 0xfff + ((magnitude >>> 13) & 1);
  return sign | ((rounded >>> 13) - (112 << 10)); // exponent bias 127 to 15
}

/** Rounds 0 <= x < 2^51 to the nearest integer, ties to even: adding 2^52 leaves no room for a fraction. */
export function nearestEven(x: number): number {
  return x + 2 ** 52 - 2 ** 52;
}

function fromCode(code: number): number {
  const sign = code & 0x8000 ? -1 : 1;
  const exponent = (code >>> 10) & 31;
  const mantissa = code & 0x3ff;
  if (exponent === 31) return mantissa === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * mantissa * 2 ** -24;
  return sign * (1024 + mantissa) * 2 ** (exponent - 25);
}
