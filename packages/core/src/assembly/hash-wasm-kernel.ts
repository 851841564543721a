// Loads the WebAssembly hash kernel (kernels/hash.ts) and lays out its memory: constants of the table in use, contexts,
// row ids. One instance and 256 KiB for the process; calls are synchronous, so tables take turns. It needs SIMD; without
// it `wasmHashKernel()` is undefined. The memory is a plain one: row ids are copied out of it as fast as the machine can,
// out of shared memory the engine would go word by word.

import { HASH_WASM } from "./hash.wasm.js";
import { firstModulus, type HashKernel, type HashTable, LEAST_MODULUS, type TableHasher } from "./hash-table.js";
import { compileKernel } from "./kernel-module.js";

const PAGES = 4;
// 8 multipliers and a block of 96 bytes per order (7) and group of four heads (16), rounded up.
const CONSTANT_BYTES = 16_384;
const MULTIPLIER_BYTES = 64;
const BLOCK_BYTES = 96;
const LANES = 4;
/** A group of four lanes may write up to three words past the last token. */
const SLACK_WORDS = 4;

/** The exports of kernels/hash.ts. */
interface HashExports {
  hash(
    constants: number,
    contexts: number,
    tokens: number,
    out: number,
    maxOrder: number,
    headsPerOrder: number,
    twoSteps: number,
    tokenBytes: number,
    stepBytes: number,
  ): void;
  hashPairs(
    constants: number,
    contexts: number,
    tokens: number,
    out: number,
    maxOrder: number,
    headsPerOrder: number,
    tokenBytes: number,
    stepBytes: number,
  ): void;
  greatestId(ids: number, count: number): number;
}

let loaded: HashKernel | null | undefined;

/** The WebAssembly kernel, or undefined where it cannot run here. */
export function wasmHashKernel(): HashKernel | undefined {
  if (loaded === undefined) loaded = loadKernel();
  return loaded ?? undefined;
}

function loadKernel(): HashKernel | null {
  let memory: WebAssembly.Memory;
  let kernel: HashExports;
  try {
    memory = new WebAssembly.Memory({ initial: PAGES, maximum: PAGES });
    const instance = new WebAssembly.Instance(compileKernel(HASH_WASM, "plain"), { env: { memory } });
    kernel = instance.exports as unknown as HashExports; // the module is ours and exports exactly this
  } catch {
    return null; // no WebAssembly or no SIMD: the twin computes the same
  }
  let current: Uint8Array | undefined;
  const bytes = new Uint8Array(memory.buffer);
  const space = new Uint32Array(memory.buffer, CONSTANT_BYTES);
  return {
    name: "wasm",
    greatestId(ids) {
      let greatest = 0;
      for (let from = 0; from < ids.length; from += space.length) {
        const count = Math.min(space.length, ids.length - from);
        space.set(from === 0 && count === ids.length ? ids : ids.subarray(from, from + count));
        greatest = Math.max(greatest, kernel.greatestId(CONSTANT_BYTES, count) >>> 0);
      }
      return greatest;
    },
    hasher(table): TableHasher {
      const { maxOrder, headsPerOrder } = table;
      const heads = (maxOrder - 1) * headsPerOrder;
      const words = (memory.buffer.byteLength - CONSTANT_BYTES) / 4 - SLACK_WORDS;
      const chunkTokens = Math.floor(words / (maxOrder + heads) / 4) * 4; // rows start at a multiple of 16 bytes
      const contexts = new Uint32Array(memory.buffer, CONSTANT_BYTES, chunkTokens * maxOrder);
      const rows = new Uint32Array(memory.buffer, CONSTANT_BYTES + contexts.byteLength, chunkTokens * heads);
      const constants = constantBytes(table);
      const twoSteps = table.primes.some((prime) => prime < LEAST_MODULUS) ? 1 : 0;
      const inPairs = headsPerOrder % LANES === 0 && table.primes.every(isMiddling);
      return {
        chunkTokens,
        contexts,
        hash(tokens, out, start, layout) {
          if (current !== constants) {
            bytes.set(constants, 0);
            current = constants;
          }
          const run = layout === "run";
          const tokenBytes = run ? 4 : 4 * maxOrder;
          const stepBytes = run ? -4 : 4;
          let first = contexts.byteOffset + (run ? 4 * (maxOrder - 1) : 0);
          let to = rows.byteOffset;
          let left = tokens;
          if (inPairs && tokens > 1) {
            left = tokens & 1;
            kernel.hashPairs(0, first, tokens - left, to, maxOrder, headsPerOrder, tokenBytes, stepBytes);
            first += (tokens - left) * tokenBytes;
            to += (tokens - left) * heads * 4;
          }
          if (left > 0) kernel.hash(0, first, left, to, maxOrder, headsPerOrder, twoSteps, tokenBytes, stepBytes);
          out.set(tokens === chunkTokens ? rows : rows.subarray(0, tokens * heads), start);
        },
      };
    },
  };
}

/** Whether one step is enough, and the remainder plus the modulus stays below 2^32. */
function isMiddling(prime: number): boolean {
  return prime >= LEAST_MODULUS && prime <= 2 ** 31;
}

/** The constants of a table as kernels/hash.ts lays them out; unused lanes repeat the order's last head. */
function constantBytes(table: HashTable): Uint8Array {
  const groups = Math.ceil(table.headsPerOrder / LANES);
  const view = new DataView(new ArrayBuffer(MULTIPLIER_BYTES + (table.maxOrder - 1) * groups * BLOCK_BYTES));
  table.multipliers.forEach((multiplier, k) => {
    view.setBigUint64(8 * k, multiplier, true);
  });
  for (let order = 0; order < table.maxOrder - 1; order++) {
    for (let lane = 0; lane < groups * LANES; lane++) {
      const head = order * table.headsPerOrder + Math.min(lane, table.headsPerOrder - 1);
      const prime = table.primes[head] ?? 0; // head < primes.length
      const modulus = firstModulus(prime);
      const block = MULTIPLIER_BYTES + (order * groups + Math.floor(lane / LANES)) * BLOCK_BYTES;
      const word = block + 4 * (lane % LANES);
      view.setFloat64(block + 8 * (lane % LANES), 1 / modulus, true);
      view.setUint32(word + 32, modulus, true);
      view.setUint32(word + 48, table.offsets[head] ?? 0, true);
      // zeros make the second step do nothing where the first was enough, also to remainders of 2^31 and more
      if (prime < LEAST_MODULUS) {
        view.setFloat32(word + 64, 1 / prime, true);
        view.setUint32(word + 80, prime, true);
      }
    }
  }
  return new Uint8Array(view.buffer);
}
