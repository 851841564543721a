// Writing a manifest. It is read back first, so that no file is written that would be refused later.

import type { Manifest } from "./manifest.js";
import { parseManifest } from "./manifest-reader.js";

/**
 * Writes a manifest: JSON, always in the same order of fields, a newline at the end.
 * @throws EngramError `invalid-manifest` where {@link parseManifest} would refuse it.
 */
export function serializeManifest(manifest: Manifest): string {
  // Parsing builds the object anew, its fields in one order.
  return `${JSON.stringify(parseManifest(manifest), undefined, 2)}\n`;
}
