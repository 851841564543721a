// Seeded float32 values, equal on every machine: for fresh weights and for tests. Not for sampling tokens.

/** Uniform in [-bound, bound): a counter through a 32-bit finaliser, of which the upper 24 bits fill a float32. */
export function uniformValues(length: number, bound: number, seed: number, tensor: number): Float32Array {
  const values = new Float32Array(length);
  let counter = scramble(seed ^ scramble(tensor + 1));
  for (let i = 0; i < length; i++) {
    counter = (counter + 0x9e37_79b9) | 0;
    values[i] = ((scramble(counter) >>> 8) / 2 ** 23 - 1) * bound;
  }
  return values;
}

/** MurmurHash3's 32-bit finaliser: a bijection in which each input bit moves half of the output's. */
function scramble(bits: number): number {
  let x = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return x ^ (x >>> 16);
}
