// The commit that an experiment's figures are of: what a bundle was made from, or the checkout's.

import { machineCard } from "../../machine-card.js";

/** Its short name, with `+` where the checkout held changes; `unknown` where there is none. */
export function experimentCommit(): string {
  return process.env.ENGRAM_COMMIT ?? machineCard().commit ?? "unknown";
}
