// The hash kernel in TypeScript: the fallback where WebAssembly cannot run, and the twin that the WebAssembly kernel is
// tested against. 32-bit halves and doubles, no BigInt; the proof of its remainder is in hash-table.ts.
// `engram-bench addressing` compares both with NumPy.

import { firstModulus, type HashKernel, type HashTable, LEAST_MODULUS, type TableHasher } from "./hash-table.js";

const TWO_32 = 4_294_967_296;
/** Below this a token id times 32 bits is exact in a double. */
const NARROW_TOKENS = 2 ** 21;
const CHUNK_TOKENS = 1024;

let sharedContexts = new Uint32Array(0);

/** The TypeScript kernel. Exact for every table that an addressing configuration can make. */
export const typescriptHashKernel: HashKernel = { name: "typescript", greatestId, hasher: typescriptHasher };

function greatestId(ids: Uint32Array): number {
  let greatest = 0;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number; // i < length
    if (id > greatest) greatest = id;
  }
  return greatest;
}

function typescriptHasher(table: HashTable): TableHasher {
  const { maxOrder, headsPerOrder } = table;
  if (sharedContexts.length < CHUNK_TOKENS * maxOrder) sharedContexts = new Uint32Array(CHUNK_TOKENS * maxOrder);
  const contexts = sharedContexts;
  const low = Float64Array.from(table.multipliers, (m) => Number(m & 0xffff_ffffn));
  const high = Int32Array.from(table.multipliers, (m) => Number(m >> 32n));
  const reciprocals = Float64Array.from(table.primes, (prime) => 1 / firstModulus(prime));
  // signed, as the arithmetic below is: with unsigned arrays V8 keeps doubles and takes three times as long
  const moduli = Int32Array.from(table.primes, firstModulus);
  const primes = Uint32Array.from(table.primes);
  const offsets = Int32Array.from(table.offsets);
  const narrow = table.vocabSize <= NARROW_TOKENS;
  const twoSteps = table.primes.some((prime) => prime < LEAST_MODULUS);

  const hash: TableHasher["hash"] = (tokens, out, start, layout) => {
    let next = start;
    const step = layout === "run" ? -1 : 1;
    const stride = layout === "run" ? 1 : maxOrder;
    let at = layout === "run" ? maxOrder - 1 : 0;
    // Indices below stay inside arrays of the lengths above: tokens <= CHUNK_TOKENS, heads and orders by construction.
    for (let t = 0; t < tokens; t++, at += stride) {
      let mixHigh = 0;
      let mixLow = 0;
      let head = 0;
      for (let k = 0; k < maxOrder; k++) {
        const token = contexts[at + k * step] as number;
        const lowFactor = low[k] as number;
        let carry: number;
        let product: number; // the low half is its value mod 2^32
        if (narrow) {
          product = token * lowFactor; // < 2^53
          carry = product / TWO_32;
        } else {
          const upper = Math.floor(token / 65_536) * lowFactor; // < 2^48
          product = (token & 65_535) * lowFactor + (upper % 65_536) * 65_536; // < 2^49
          carry = Math.floor(upper / 65_536) + Math.floor(product / TWO_32);
        }
        mixHigh ^= Math.imul(token, high[k] as number) + carry;
        mixLow ^= product;
        if (k === 0) continue;
        const unsignedLow = mixLow >>> 0;
        const whole = mixHigh * TWO_32 + unsignedLow; // mixHigh < 2^31
        for (let j = 0; j < headsPerOrder; j++, head++) {
          const modulus = moduli[head] as number;
          const quotient = (whole * (reciprocals[head] as number) + 0.5) | 0; // its low 32 bits
          const signed = (mixLow - Math.imul(quotient, modulus)) | 0;
          const rest = (signed + ((signed >> 31) & modulus)) | 0; // the remainder's 32 bits
          const row = twoSteps ? ((rest >>> 0) % (primes[head] as number)) | 0 : rest;
          out[next++] = row + (offsets[head] as number); // stored mod 2^32
        }
      }
    }
  };
  return { chunkTokens: CHUNK_TOKENS, contexts, hash };
}
