// Weights and activations of benchmarks: made from a seed, value by value, so that the Python peer makes the same ones
// without a file (tools/peers/engram_torch_bench.py, `seeded_values`). No weights for training anything.

/** Uniform in [-bound, bound): a counter through a 32-bit finaliser, of which the upper 24 bits fill a float32. */
export function seededValues(length: number, bound: number, seed: number, offset = 0): Float32Array {
  const values = new Float32Array(length);
  let counter = scramble(seed + 1);
  for (let i = 0; i < length; i++) {
    counter = (counter + 0x9e37_79b9) | 0;
    values[i] = offset + ((scramble(counter) >>> 8) / 2 ** 23 - 1) * bound;
  }
  return values;
}

/** Whole numbers from 0 to below `limit`. */
export function seededIds(length: number, limit: number, seed: number): Uint32Array {
  return Uint32Array.from(seededValues(length, 1, seed), (value) =>
    Math.min(limit - 1, Math.floor(((value + 1) / 2) * limit)),
  );
}

/** A seed from a name: FNV-1a, 32 bits. */
export function seedOf(name: string): number {
  let seed = 0x811c_9dc5;
  for (const byte of new TextEncoder().encode(name)) seed = Math.imul(seed ^ byte, 0x0100_0193) >>> 0;
  return seed;
}

/** The bound that gives a matrix variance 1 / inputs. */
export function matrixBound(inputs: number): number {
  return Math.sqrt(3 / inputs);
}

/** MurmurHash3's 32-bit finaliser. */
function scramble(bits: number): number {
  let x = Math.imul(bits ^ (bits >>> 16), 0x85eb_ca6b);
  x = Math.imul(x ^ (x >>> 13), 0xc2b2_ae35);
  return x ^ (x >>> 16);
}
