// Qwen3.8-Flash-Next's addressing ("PLE"; transformers `qwen4_exp`, arXiv 2608.30320): raw token ids, multipliers by
// SplitMix64, rows padded to a multiple of 128, and segments: a look-back never crosses an end-of-sequence token, which
// stands for all that lies beyond; the end-of-sequence token itself still sees the segment that it ends.
//
// The published configuration counts blocks from 1 (`ple_layer_ids` = [2] is `layers` = [1] here), and its multipliers
// depend on the place of the table among the tables (0 for the first), not on the block's index.

import type { AddressingConfig } from "./addressing-config.js";
import type { HashScheme } from "./hash-scheme.js";
import { LAYER_SEED_STEP, multiplierHalfBound } from "./multiplier-bound.js";
import { SPLITMIX_INCREMENT, splitmix64 } from "./splitmix.js";

/** Rows of a table come in multiples of this. */
const ROW_MULTIPLE = 128;

/** Multipliers 2 (splitmix64(seed + 10007 * index + golden * (i + 1)) mod half bound) + 1. */
function splitmixMultipliers(config: AddressingConfig, index: number): bigint[] {
  const base = BigInt(config.seed) + LAYER_SEED_STEP * BigInt(index);
  const half = multiplierHalfBound(config.vocabSize);
  return Array.from(
    { length: config.tableSizes.length + 1 },
    (_, i) => 2n * (splitmix64(base + SPLITMIX_INCREMENT * BigInt(i + 1)) % half) + 1n,
  );
}

export const qwenPleScheme: HashScheme = {
  multipliers: splitmixMultipliers,
  paddedRows: (rows) => Math.ceil(rows / ROW_MULTIPLE) * ROW_MULTIPLE,
  contextRule: (config) => {
    const fill = config.kind === "qwen-ple" ? config.eosId : config.padId;
    return { maxOrder: config.tableSizes.length + 1, fill, boundary: fill };
  },
};
