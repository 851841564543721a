// Whether the manifests of two places describe one model's tables. Layers may lie in different places only if the same
// addressing and the same token map name their rows; else every row of one of them would be a wrong one.

import { compareDerivations } from "../addressing/derivation.js";
import { EngramError } from "../errors.js";
import type { Manifest } from "../rows/manifest.js";

/**
 * Refuses manifests of different models.
 * @param uri where `other` comes from, for the message.
 * @throws EngramError `manifest-mismatch`, naming the first difference.
 */
export function checkAgreement(first: Manifest, other: Manifest, uri: string): void {
  for (const path of ["addressing", "tokenMap"] as const) {
    const difference = firstDifference(path, first[path], other[path]);
    if (difference !== undefined) throw mismatch(uri, difference.path, difference.first, difference.other);
  }
  const difference = compareDerivations(other.derived, first.derived);
  if (difference !== undefined)
    throw mismatch(uri, `derived.${difference.path}`, difference.derived, difference.stored);
}

interface Difference {
  readonly path: string;
  readonly first: unknown;
  readonly other: unknown;
}

/** A token map may be missing on one side; its file's name may differ, its content may not. */
function firstDifference(path: "addressing" | "tokenMap", first: unknown, other: unknown): Difference | undefined {
  if (first === undefined || other === undefined) return undefined;
  const [left, right] = [first, other].map((value) => new Map(Object.entries(value as object))); // parsed manifests
  const ignored = path === "tokenMap" ? "file" : undefined;
  for (const field of new Set([...(left?.keys() ?? []), ...(right?.keys() ?? [])])) {
    const [one, two] = [left?.get(field), right?.get(field)];
    if (field !== ignored && JSON.stringify(one) !== JSON.stringify(two)) {
      return { path: `${path}.${field}`, first: one, other: two };
    }
  }
  return undefined;
}

function mismatch(uri: string, path: string, first: unknown, other: unknown): EngramError {
  const [expected, found] = [JSON.stringify(first), JSON.stringify(other)];
  return new EngramError({
    code: "manifest-mismatch",
    operation: "openTables",
    message: `${path} is ${expected} at the first URI and ${found} at ${uri}: these are tables of different models; name tables of one`,
    context: { path, first, other, uri },
  });
}
