// The numbers by which each module addresses its table, derived from a configuration by the scheme of its kind. Hashing
// itself is the same for all kinds and lies in assembly/hash-kernel.ts.

import { EngramError } from "../errors.js";
import { MAX_ROWS } from "../rows/table.js";
import type { AddressingConfig, AddressingKind } from "./addressing-config.js";
import { deepseekV41Scheme } from "./deepseek-v41-scheme.js";
import { engramScheme } from "./engram-scheme.js";
import type { HashScheme } from "./hash-scheme.js";
import { distinctPrimes } from "./primes.js";
import { qwenPleScheme } from "./qwen-ple-scheme.js";

/** The numbers by which one module addresses its table. */
export interface LayerAddressing {
  /** 0-based index of the block. */
  readonly layer: number;
  /** Odd multipliers, the current token's first, then those of look-back 1, 2, ...; below 2^63 / vocabSize. */
  readonly multipliers: readonly bigint[];
  /** Rows of each head, by n-gram order (2 first), then head. */
  readonly primes: readonly (readonly number[])[];
  /** First row of each head in the module's table, flat: by order, then head. */
  readonly offsets: readonly number[];
  /** Rows of the module's table, padding included. */
  readonly rows: number;
}

const schemes: Readonly<Record<AddressingKind, HashScheme>> = {
  engram: engramScheme,
  "deepseek-v4.1": deepseekV41Scheme,
  "qwen-ple": qwenPleScheme,
};

/** The scheme of a kind. */
export function hashScheme(kind: AddressingKind): HashScheme {
  return schemes[kind];
}

/**
 * Derives every module's numbers from a checked configuration.
 * @throws EngramError `invalid-config` where a module would have 2^32 rows or more.
 */
export function deriveLayers(config: AddressingConfig): LayerAddressing[] {
  const scheme = hashScheme(config.kind);
  const primes = distinctPrimes(config.layers.length, config.tableSizes, config.headsPerOrder);
  return config.layers.map((layer, index) => {
    const own = primes[index] ?? []; // one entry per layer
    const offsets: number[] = [];
    let rows = 0;
    for (const prime of own.flat()) {
      offsets.push(rows);
      rows += prime;
    }
    rows = scheme.paddedRows(rows);
    if (rows > MAX_ROWS) {
      throw new EngramError({
        code: "invalid-config",
        operation: "deriveLayers",
        message: `tableSizes [${config.tableSizes.join(", ")}] with ${config.headsPerOrder} heads each make ${rows} rows for layer ${layer}, and a module holds at most ${MAX_ROWS}; use smaller tables or fewer heads`,
        context: { field: "tableSizes", layer, rows },
      });
    }
    return { layer, multipliers: scheme.multipliers(config, index), primes: own, offsets, rows };
  });
}
