// What all layouts check alike: that the token map is the configuration's, and that a table has the rows its primes make.

import type { TokenMap } from "../addressing/token-map.js";
import { EngramError } from "../errors.js";

/**
 * Refuses a token map of another tokenizer: every multiplier depends on the compressed count, so a difference re-hashes
 * the whole table.
 * @throws EngramError `manifest-mismatch`, naming both counts.
 */
export function checkCompressed(tokenMap: TokenMap | undefined, vocabSize: number, field: string): void {
  if (tokenMap === undefined || tokenMap.compressed === vocabSize) return;
  throw new EngramError({
    code: "manifest-mismatch",
    operation: "checkpointTables",
    message: `the tokenizer compresses to ${tokenMap.compressed} ids, and ${field} is ${vocabSize}: the tables were hashed with another tokenizer; give the one of this checkpoint`,
    context: { compressed: tokenMap.compressed, vocabSize },
  });
}
