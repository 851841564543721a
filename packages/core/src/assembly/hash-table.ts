// What the hash kernels need of one module, and the arithmetic that both of them share. The remainder of a 63-bit
// number without a 64-bit division is the point of it; the proof stands here, the two implementations in
// kernels/hash.ts and hash-kernel.ts.
//
// Remainder. Let 0 <= x < 2^63, a modulus M with 2^16 <= M <= 2^32 - 2^15, and y = 1/M rounded to a double. The double
// x~ y~ differs from x/M by at most three relative roundings of 2^-53 each, below 2^47 * 3.1 * 2^-53 < 0.05 as
// x/M < 2^47. Q, that double rounded to a whole number, is then within 0.57 of x/M (0.5 for the rounding, and up to
// 2^-6 where the twin first adds 0.5), so x - Q M lies within +-0.57 M. For M <= 2^31 that fits a signed 32-bit
// integer; for greater M, x/M < 2^32, the error shrinks below 2^-19 and |x - Q M| < M/2 + 2^14 <= 2^31. So the low 32
// bits of x, Q and M determine x - Q M, and adding M once where it is negative gives the remainder, exactly.
//
// Primes below 2^16 take two steps: first modulo M = p 2^j with 2^16 <= M < 2^17, then modulo p. The kernel does the
// second step in float32, where a number below 2^17 is exact and its quotient by p errs by less than 2^-7.

/** Least modulus of the one-step remainder. */
export const LEAST_MODULUS = 65_536;

/** Greatest modulus for which the remainder is proven. */
export const GREATEST_MODULUS = 2 ** 32 - 2 ** 15;

/** The numbers of one module as the kernels read them. All heads of all orders are flat: by order, then head. */
export interface HashTable {
  readonly maxOrder: number;
  readonly headsPerOrder: number;
  /** Greatest token id plus one, at most 2^31. Products with the multipliers stay below 2^63. */
  readonly vocabSize: number;
  readonly multipliers: readonly bigint[];
  /** 2 to {@link GREATEST_MODULUS}. */
  readonly primes: readonly number[];
  readonly offsets: readonly number[];
}

/** A kernel ready to hash for one module. Contexts are written into its buffer, then hashed. */
export interface TableHasher {
  /** Most tokens of one {@link hash} call. */
  readonly chunkTokens: number;
  /** [chunkTokens, maxOrder]: the current id first, then look-back 1, 2, ... Shared by all hashers of a kernel. */
  readonly contexts: Uint32Array;
  /**
   * Writes the row ids of the first `tokens` contexts into `out` from index `start`: [tokens, heads]. In the layout
   * `run` the buffer holds, in place of contexts, maxOrder - 1 ids and then those of the tokens, oldest first: the
   * contexts of a run of tokens that all see each other, without writing each id maxOrder times.
   */
  hash(tokens: number, out: Uint32Array, start: number, layout: "contexts" | "run"): void;
}

/** One way to compute hashes. */
export interface HashKernel {
  readonly name: "wasm" | "typescript";
  /** The greatest of the ids, 0 for none. Writes over the contexts. */
  greatestId(ids: Uint32Array): number;
  hasher(table: HashTable): TableHasher;
}

/** The modulus of the first step: the prime, or its least multiple by a power of two from 2^16 upward. */
export function firstModulus(prime: number): number {
  let modulus = prime;
  while (modulus < LEAST_MODULUS) modulus *= 2;
  return modulus;
}
