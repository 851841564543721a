// The paper's addressing (arXiv 2601.07372; engram_demo_v1.py): NumPy's generator seeded by layer, no padding rows,
// and a look-back that reads the pad id before the start of the sequence. No document boundaries.

import type { AddressingConfig } from "./addressing-config.js";
import type { HashScheme } from "./hash-scheme.js";
import { LAYER_SEED_STEP, multiplierHalfBound } from "./multiplier-bound.js";
import { numpyIntegers } from "./numpy-random.js";

/** Multipliers 2 r + 1, r drawn by NumPy's default generator with seed + 10007 * layer. */
function numpyMultipliers(config: AddressingConfig, index: number): bigint[] {
  const seed = BigInt(config.seed) + LAYER_SEED_STEP * BigInt(config.layers[index] ?? 0); // index < layers.length
  const draws = numpyIntegers(seed, multiplierHalfBound(config.vocabSize), config.tableSizes.length + 1);
  return draws.map((draw) => 2n * draw + 1n);
}

export const engramScheme: HashScheme = {
  multipliers: numpyMultipliers,
  paddedRows: (rows) => rows,
  contextRule: (config) => ({
    maxOrder: config.tableSizes.length + 1,
    fill: config.kind === "qwen-ple" ? config.eosId : config.padId,
    boundary: undefined,
  }),
};
