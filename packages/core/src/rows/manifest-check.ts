// Whether a manifest's tables were made for the addressing that is about to read them.

import type { Addressing } from "../addressing/addressing.js";
import { checkDerivation } from "../addressing/derivation.js";
import { EngramError } from "../errors.js";
import type { Manifest } from "./manifest.js";

/**
 * Refuses a manifest whose configuration or derived numbers are not those of `addressing`: its row ids would name other
 * rows. Where there is no addressing yet, `createAddressing(manifest.addressing, { derived: manifest.derived })` makes
 * one and checks the same.
 * @throws EngramError `manifest-mismatch`, naming the first difference.
 */
export function checkManifest(manifest: Manifest, addressing: Pick<Addressing, "config" | "derivation">): void {
  const stored = new Map<string, unknown>(Object.entries(manifest.addressing));
  for (const [field, used] of Object.entries(addressing.config)) {
    const [found, expected] = [JSON.stringify(stored.get(field)), JSON.stringify(used)];
    if (found === expected) continue;
    throw new EngramError({
      code: "manifest-mismatch",
      operation: "checkManifest",
      message: `addressing.${field} is ${found} in the manifest and ${expected} in the addressing; make the addressing from the manifest, or use the tables of this model`,
      context: { path: `addressing.${field}`, stored: stored.get(field), used },
    });
  }
  checkDerivation(manifest.derived, addressing.derivation(), "checkManifest");
}
