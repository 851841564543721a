// What NumPy's `default_rng(seed).integers(0, bound, size, dtype=int64)` draws, bit for bit: SeedSequence, PCG64
// (XSL-RR 128/64) and Lemire's bounded draw with rejection, in its 64-bit and its buffered 32-bit form. BigInt
// throughout: it runs a few times at start-up. Not a general random generator, and not for secrets.
// Source: NumPy's documented algorithms (NEP 19; O'Neill, PCG, HMC-CS-2014-0905; Lemire, arXiv 1805.10941).

import { EngramError } from "../errors.js";

const MASK_32 = 0xffff_ffffn;
const MASK_64 = 0xffff_ffff_ffff_ffffn;
const MASK_128 = (1n << 128n) - 1n;
const PCG_MULTIPLIER = 0x2360_ed05_1fc6_5da4_4385_df64_9fcc_f645n;
const POOL_SIZE = 4;

/** The four 64-bit words that `SeedSequence(seed).generate_state(4, uint64)` gives. */
function seedSequenceState(seed: bigint): readonly [bigint, bigint, bigint, bigint] {
  const words: number[] = [];
  for (let rest = seed; rest > 0n || words.length === 0; rest >>= 32n) words.push(Number(rest & MASK_32));

  let constant = 0x43b0_d7e5; // runs on through every call of hashMix
  const hashMix = (word: number): number => {
    let value = word ^ constant;
    constant = Math.imul(constant, 0x931e_8875);
    value = Math.imul(value, constant);
    return (value ^ (value >>> 16)) >>> 0;
  };
  const mix = (x: number, y: number): number => {
    const value = (Math.imul(0xca01_f9dd, x) - Math.imul(0x4973_f715, y)) | 0;
    return (value ^ (value >>> 16)) >>> 0;
  };
  const pool = Uint32Array.from({ length: POOL_SIZE }, (_, i) => hashMix(words[i] ?? 0));
  const at = (i: number): number => pool[i % POOL_SIZE] ?? 0;
  for (let source = 0; source < POOL_SIZE; source++) {
    for (let target = 0; target < POOL_SIZE; target++) {
      if (source !== target) pool[target] = mix(at(target), hashMix(at(source)));
    }
  }
  for (const word of words.slice(POOL_SIZE)) {
    for (let target = 0; target < POOL_SIZE; target++) pool[target] = mix(at(target), hashMix(word));
  }

  let outputConstant = 0x8b51_f9dd;
  const output = (i: number): bigint => {
    let value = at(i) ^ outputConstant;
    outputConstant = Math.imul(outputConstant, 0x58f3_8ded);
    value = Math.imul(value, outputConstant);
    return BigInt((value ^ (value >>> 16)) >>> 0);
  };
  const pair = (i: number): bigint => output(2 * i) | (output(2 * i + 1) << 32n); // evaluated low word first
  return [pair(0), pair(1), pair(2), pair(3)];
}

/** A PCG64 generator in the state of `numpy.random.default_rng(seed)`. */
function pcg64(seed: bigint): { next64: () => bigint; next32: () => bigint } {
  const [high, low, incrementHigh, incrementLow] = seedSequenceState(seed);
  const increment = ((((incrementHigh << 64n) | incrementLow) << 1n) | 1n) & MASK_128;
  let state = 0n;
  const step = (): void => {
    state = (state * PCG_MULTIPLIER + increment) & MASK_128;
  };
  step();
  state = (state + ((high << 64n) | low)) & MASK_128;
  step();
  const next64 = (): bigint => {
    step();
    const folded = (state >> 64n) ^ (state & MASK_64);
    const turn = state >> 122n;
    return ((folded >> turn) | (folded << (64n - turn))) & MASK_64;
  };
  let kept: bigint | undefined; // the high half of a 64-bit draw serves the next 32-bit one
  const next32 = (): bigint => {
    if (kept !== undefined) {
      const value = kept;
      kept = undefined;
      return value;
    }
    const value = next64();
    kept = value >> 32n;
    return value & MASK_32;
  };
  return { next64, next32 };
}

/**
 * Draws `count` integers from [0, bound) as `numpy.random.default_rng(seed).integers(0, bound, count, dtype=int64)`.
 * @param seed a non-negative integer of any size
 * @param bound 1 to 2^63
 * @throws EngramError `invalid-argument` where seed, bound or count are out of range.
 */
export function numpyIntegers(seed: bigint, bound: bigint, count: number): bigint[] {
  if (seed < 0n || bound < 1n || bound > 1n << 63n || !Number.isInteger(count) || count < 0) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "numpyIntegers",
      message: `seed ${seed}, bound ${bound}, count ${count}; use a seed >= 0, a bound from 1 to 2^63 and a whole count >= 0`,
      context: { seed, bound, count },
    });
  }
  if (bound === 1n) return Array.from({ length: count }, () => 0n); // NumPy consumes nothing here
  const generator = pcg64(seed);
  const bits = bound <= 1n << 32n ? 32n : 64n;
  const next = bits === 32n ? generator.next32 : generator.next64;
  if (bound === 1n << bits) return Array.from({ length: count }, next);
  const mask = (1n << bits) - 1n;
  const threshold = (mask + 1n - bound) % bound; // 2^bits mod bound
  return Array.from({ length: count }, () => {
    let product = next() * bound;
    while ((product & mask) < threshold) product = next() * bound;
    return product >> bits;
  });
}
