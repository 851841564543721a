// Row ids of a chunk of tokens: products, exclusive or, and one remainder per head, four heads at a time.
// What the numbers mean and why the remainder is exact is written in ../hash-table.ts; the TypeScript twin is in
// ../hash-kernel.ts. Not here: where contexts come from, checks, chunks.
//
// Layout, all little-endian: `constants` holds 8 multipliers (u64), then per order and group of four heads a block of
// 96 bytes: 2 x f64x2 reciprocals of the moduli, i32x4 moduli, i32x4 offsets, f32x4 reciprocals of the primes,
// i32x4 primes. Token t's look-back k is the u32 at `contexts` + t tokenBytes + k stepBytes. `out` gets headsPerOrder u32 per order,
// and up to 12 bytes more after the last token.

const BLOCK: usize = 96;

export function hash(
  constants: usize,
  contexts: usize,
  tokens: usize,
  out: usize,
  maxOrder: usize,
  headsPerOrder: usize,
  twoSteps: i32,
  tokenBytes: usize,
  stepBytes: i32,
): void {
  const groups = (headsPerOrder + 3) >> 2;
  const magic = f64x2.splat(4503599627370496.0); // 2^52: adding it leaves the rounded quotient in the low bits
  const end = contexts + tokens * tokenBytes;
  while (contexts < end) {
    let mix: u64 = <u64>load<u32>(contexts) * load<u64>(constants);
    let block = constants + 64;
    for (let k: usize = 1; k < maxOrder; k++) {
      mix ^= <u64>load<u32>(contexts + k * stepBytes) * load<u64>(constants + (k << 3));
      const whole = f64x2.splat(<f64>(<i64>mix)); // mix < 2^63
      const low = i32x4.splat(<i32>mix);
      const last = block + groups * BLOCK;
      let at = out;
      while (block < last) {
        const first = f64x2.add(f64x2.mul(whole, v128.load(block)), magic);
        const second = f64x2.add(f64x2.mul(whole, v128.load(block, 16)), magic);
        const quotient = v128.shuffle<i32>(first, second, 0, 2, 4, 6);
        const modulus = v128.load(block, 32);
        let rest = i32x4.sub(low, i32x4.mul(quotient, modulus));
        rest = i32x4.add(rest, v128.and(i32x4.shr_s(rest, 31), modulus));
        if (twoSteps) {
          const prime = v128.load(block, 80);
          const again = f32x4.nearest(f32x4.mul(f32x4.convert_i32x4_s(rest), v128.load(block, 64)));
          rest = i32x4.sub(rest, i32x4.mul(i32x4.trunc_sat_f32x4_s(again), prime));
          rest = i32x4.add(rest, v128.and(i32x4.shr_s(rest, 31), prime));
        }
        v128.store(at, i32x4.add(rest, v128.load(block, 48)));
        at += 16;
        block += BLOCK;
      }
      out += headsPerOrder << 2;
    }
    contexts += tokenBytes;
  }
}

/**
 * The same for an even number of tokens, where heads per order are a multiple of four and moduli lie from 2^16 to 2^31:
 * two tokens at a time, which read each constant once, and a shorter last step. There |x - Q M| < 0.57 * 2^31, so of the
 * remainder and its sum with M, as unsigned numbers, the lesser is the right one. 1.3x (benchmark `hash`).
 */
export function hashPairs(
  constants: usize,
  contexts: usize,
  tokens: usize,
  out: usize,
  maxOrder: usize,
  headsPerOrder: usize,
  tokenBytes: usize,
  stepBytes: i32,
): void {
  const orderBytes = (headsPerOrder >> 2) * BLOCK;
  const rowBytes = ((maxOrder - 1) * headsPerOrder) << 2;
  const magic = f64x2.splat(4503599627370496.0); // as above
  const end = contexts + tokens * tokenBytes;
  while (contexts < end) {
    const next = contexts + tokenBytes;
    let mix: u64 = <u64>load<u32>(contexts) * load<u64>(constants);
    let nextMix: u64 = <u64>load<u32>(next) * load<u64>(constants);
    let block = constants + 64;
    for (let k: usize = 1; k < maxOrder; k++) {
      const multiplier = load<u64>(constants + (k << 3));
      mix ^= <u64>load<u32>(contexts + k * stepBytes) * multiplier;
      nextMix ^= <u64>load<u32>(next + k * stepBytes) * multiplier;
      const whole = f64x2.splat(<f64>(<i64>mix)); // mix < 2^63
      const nextWhole = f64x2.splat(<f64>(<i64>nextMix));
      const low = i32x4.splat(<i32>mix);
      const nextLow = i32x4.splat(<i32>nextMix);
      const last = block + orderBytes;
      do {
        const firstReciprocals = v128.load(block);
        const secondReciprocals = v128.load(block, 16);
        const modulus = v128.load(block, 32);
        const offsets = v128.load(block, 48);
        const quotient = v128.shuffle<i32>(
          f64x2.add(f64x2.mul(whole, firstReciprocals), magic),
          f64x2.add(f64x2.mul(whole, secondReciprocals), magic),
          0,
          2,
          4,
          6,
        );
        const nextQuotient = v128.shuffle<i32>(
          f64x2.add(f64x2.mul(nextWhole, firstReciprocals), magic),
          f64x2.add(f64x2.mul(nextWhole, secondReciprocals), magic),
          0,
          2,
          4,
          6,
        );
        const rest = i32x4.sub(low, i32x4.mul(quotient, modulus));
        const nextRest = i32x4.sub(nextLow, i32x4.mul(nextQuotient, modulus));
        v128.store(out, i32x4.add(i32x4.min_u(rest, i32x4.add(rest, modulus)), offsets));
        v128.store(out + rowBytes, i32x4.add(i32x4.min_u(nextRest, i32x4.add(nextRest, modulus)), offsets));
        out += 16;
        block += BLOCK;
      } while (block < last);
    }
    out += rowBytes;
    contexts = next + tokenBytes;
  }
}

/** The greatest of `count` ids, 0 for none. */
export function greatestId(ids: usize, count: usize): u32 {
  let four = i32x4.splat(0);
  let at = ids;
  for (const whole = ids + ((count & ~3) << 2); at < whole; at += 16) four = i32x4.max_u(four, v128.load(at));
  let greatest = max(
    max(<u32>i32x4.extract_lane(four, 0), <u32>i32x4.extract_lane(four, 1)),
    max(<u32>i32x4.extract_lane(four, 2), <u32>i32x4.extract_lane(four, 3)),
  );
  for (const end = ids + (count << 2); at < end; at += 4) greatest = max(greatest, load<u32>(at));
  return greatest;
}
