// The size and form of batches, checked and with its defaults.
// Checked once, when a source is made: packing itself trusts them.
// Not here: what they mean (token-packing.ts).

import { EngramError } from "@engram-ts/core";
import type { PackingOptions } from "./token-packing.js";

/** Most tokens of a batch. */
const MAX_BATCH_TOKENS = 2 ** 26;

/** @throws EngramError `invalid-argument`. */
export function checkedPacking(options: PackingOptions, operation: string): Required<PackingOptions> {
  const { rows, length, packing = "documents" } = options;
  const refuse = (message: string): EngramError => new EngramError({ code: "invalid-argument", operation, message });
  for (const [name, value] of Object.entries({ rows, length })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw refuse(`${name} is ${String(value)}; use a whole number from 1`);
  }
  if (rows * length > MAX_BATCH_TOKENS) {
    throw refuse(`${rows} rows of ${length} tokens are more than ${MAX_BATCH_TOKENS}; use smaller batches`);
  }
  if (packing !== "rows" && packing !== "documents") {
    throw refuse(`packing is ${JSON.stringify(packing)}; use "rows" or "documents"`);
  }
  return { rows, length, packing };
}
