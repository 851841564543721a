// Gathers rows of a table that lies in this module's memory and decodes them to float32 in one pass, one function for
// each encoding (f32 needs none: its rows are copied). All arguments are byte addresses and counts that the caller has
// checked; nothing is checked here. The TypeScript twin is in ../gather-kernel.ts.
//
// Values are decoded eight at a time. Where the width is no multiple of eight, the last step reads and writes past the
// row: what it writes there is overwritten by the next row, and the caller leaves SLACK bytes after table and output.
// Subnormal numbers of the small formats take the detour of a subtraction, which is exact, in place of a multiplication
// of subnormal float32, which is slow on many processors.

const GROUP: u32 = 8;

// @ts-ignore: decorator
@inline
function rowAt(ids: usize, index: u32, rows: usize, rowBytes: u32): usize {
  return rows + load<u32>(ids + (index << 2)) * rowBytes;
}

/** Loads one byte of each cache line of a group of rows, so that the group's misses overlap. */
// @ts-ignore: decorator
@inline
function touchGroup(ids: usize, first: u32, count: u32, rows: usize, rowBytes: u32): u32 {
  let touched: u32 = 0;
  for (let i = first, end = min(first + GROUP, count); i < end; i++) {
    const row = rowAt(ids, i, rows, rowBytes);
    touched += load<u8>(row + rowBytes - 1);
    for (let at: u32 = 0; at < rowBytes; at += 64) touched += load<u8>(row + at);
  }
  return touched;
}

/** bf16: the upper half of a float32. */
export function decodeBf16(ids: usize, count: u32, rows: usize, rowBytes: u32, width: u32, out: usize): u32 {
  let touched: u32 = 0;
  const zero = i32x4.splat(0);
  for (let i: u32 = 0; i < count; i++, out += width << 2) {
    if (i % GROUP == 0) touched += touchGroup(ids, i, count, rows, rowBytes);
    const row = rowAt(ids, i, rows, rowBytes);
    for (let at: u32 = 0; at < width; at += 8) {
      const codes = v128.load(row + (at << 1));
      const to = out + (at << 2);
      v128.store(to, v128.shuffle<i16>(zero, codes, 0, 8, 0, 9, 0, 10, 0, 11));
      v128.store(to, v128.shuffle<i16>(zero, codes, 0, 12, 0, 13, 0, 14, 0, 15), 16);
    }
  }
  return touched;
}

/** Four binary16 codes, widened to 32 bits. */
// @ts-ignore: decorator
@inline
function float16x4(codes: v128): v128 {
  const magnitude = v128.and(codes, i32x4.splat(0x7fff));
  const shifted = i32x4.shl(magnitude, 13);
  const normal = i32x4.add(shifted, i32x4.splat(112 << 23));
  const least = i32x4.splat(113 << 23); // 2^-14, the least normal number
  const subnormal = f32x4.sub(i32x4.add(shifted, least), least);
  const special = i32x4.add(normal, i32x4.splat(112 << 23)); // exponent 255
  let bits = v128.bitselect(subnormal, normal, i32x4.lt_s(magnitude, i32x4.splat(0x400)));
  bits = v128.bitselect(special, bits, i32x4.gt_s(magnitude, i32x4.splat(0x7bff)));
  return v128.or(bits, i32x4.shl(v128.andnot(codes, i32x4.splat(0x7fff)), 16));
}

export function decodeF16(ids: usize, count: u32, rows: usize, rowBytes: u32, width: u32, out: usize): u32 {
  let touched: u32 = 0;
  for (let i: u32 = 0; i < count; i++, out += width << 2) {
    if (i % GROUP == 0) touched += touchGroup(ids, i, count, rows, rowBytes);
    const row = rowAt(ids, i, rows, rowBytes);
    for (let at: u32 = 0; at < width; at += 8) {
      const codes = v128.load(row + (at << 1));
      const to = out + (at << 2);
      v128.store(to, float16x4(i32x4.extend_low_i16x8_u(codes)));
      v128.store(to, float16x4(i32x4.extend_high_i16x8_u(codes)), 16);
    }
  }
  return touched;
}

/** int8: the row's float32 scale follows its values. */
export function decodeInt8(ids: usize, count: u32, rows: usize, rowBytes: u32, width: u32, out: usize): u32 {
  let touched: u32 = 0;
  for (let i: u32 = 0; i < count; i++, out += width << 2) {
    if (i % GROUP == 0) touched += touchGroup(ids, i, count, rows, rowBytes);
    const row = rowAt(ids, i, rows, rowBytes);
    const scale = v128.load32_splat(row + width);
    for (let at: u32 = 0; at < width; at += 8) {
      const values = v128.load8x8_s(row + at);
      const to = out + (at << 2);
      v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(values)), scale));
      v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(values)), scale), 16);
    }
  }
  return touched;
}

/** Eight e4m3fn codes from `from`, times `scale`, as float32 to `to`. */
// @ts-ignore: decorator
@inline
function scaleFloat8x8(from: usize, to: usize, scale: v128): void {
  // Every code is exact in bf16, so the work up to there is done on eight lanes of 16 bits: the sign, then four bits of
  // exponent and three of mantissa above the four mantissa bits that stay empty, the exponent bias moved from 7 to 127.
  const codes = v128.load8x8_u(from);
  const magnitude = v128.and(codes, i16x8.splat(0x7f));
  const normal = i16x8.add(i16x8.shl(magnitude, 4), i16x8.splat(120 << 7));
  // 1 to 7 times 2^-9, looked up: the byte pairs of the eight bf16 codes, in the order of the count.
  const pairs = i16x8.add(i16x8.mul(magnitude, i16x8.splat(0x0202)), i16x8.splat(0x0100));
  const counts = i16x8(0, 0x3b00, 0x3b80, 0x3bc0, 0x3c00, 0x3c20, 0x3c40, 0x3c60);
  const subnormal = i8x16.swizzle(counts, pairs);
  let bits = v128.bitselect(subnormal, normal, i16x8.lt_s(magnitude, i16x8.splat(8)));
  bits = v128.or(bits, v128.and(i16x8.eq(magnitude, i16x8.splat(0x7f)), i16x8.splat(0x7fc0)));
  bits = v128.or(bits, i16x8.shl(v128.andnot(codes, i16x8.splat(0x7f)), 8));
  const zero = i16x8.splat(0);
  const low = v128.shuffle<i16>(zero, bits, 0, 8, 0, 9, 0, 10, 0, 11);
  const high = v128.shuffle<i16>(zero, bits, 0, 12, 0, 13, 0, 14, 0, 15);
  v128.store(to, f32x4.mul(low, scale));
  v128.store(to, f32x4.mul(high, scale), 16);
}

/** fp8-e4m3-e8m0: one scale byte for each 32 values follows the row's values. */
export function decodeFp8Blocks(ids: usize, count: u32, rows: usize, rowBytes: u32, width: u32, out: usize): u32 {
  let touched: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (i % GROUP == 0) touched += touchGroup(ids, i, count, rows, rowBytes);
    let from = rowAt(ids, i, rows, rowBytes);
    const scales = from + width;
    for (let block: u32 = 0, blocks = width >> 5; block < blocks; block++, from += 32, out += 128) {
      const code: u32 = load<u8>(scales + block);
      // 2^(code - 127): code 0 is a subnormal float32, code 255 is NaN.
      const bits: u32 = code == 0 ? 1 << 22 : code == 255 ? 0x7fc0_0000 : code << 23;
      const scale = i32x4.splat(bits);
      scaleFloat8x8(from, out, scale);
      scaleFloat8x8(from + 8, out + 32, scale);
      scaleFloat8x8(from + 16, out + 64, scale);
      scaleFloat8x8(from + 24, out + 96, scale);
    }
  }
  return touched;
}

/** fp8-e4m3: one scale for the whole table. */
export function decodeFp8(
  ids: usize,
  count: u32,
  rows: usize,
  rowBytes: u32,
  width: u32,
  out: usize,
  tableScale: f32,
): u32 {
  let touched: u32 = 0;
  const scale = f32x4.splat(tableScale);
  for (let i: u32 = 0; i < count; i++, out += width << 2) {
    if (i % GROUP == 0) touched += touchGroup(ids, i, count, rows, rowBytes);
    const row = rowAt(ids, i, rows, rowBytes);
    for (let at: u32 = 0; at < width; at += 8) scaleFloat8x8(row + at, out + (at << 2), scale);
  }
  return touched;
}
