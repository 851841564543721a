// What an addressing kind decides, as two functions and a rule; one file a kind. From a configuration it derives a module's
// multipliers and the rule by which a position sees the tokens before it. What all kinds share: derive-layers.ts.

import type { AddressingConfig } from "./addressing-config.js";
import type { ContextRule } from "./contexts.js";

/** What differs between the kinds. */
export interface HashScheme {
  /** The multipliers of the table at `index` in `config.layers`. */
  multipliers(config: AddressingConfig, index: number): bigint[];
  /** Rows of a table whose heads need `rows`. */
  paddedRows(rows: number): number;
  /** What stands for a token that a look-back cannot see, and which token stops a look-back. */
  contextRule(config: AddressingConfig): ContextRule;
}
