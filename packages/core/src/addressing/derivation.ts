// The derived numbers of an addressing as plain JSON, as a manifest stores them, and their comparison with what is
// derived now. A stored number that differs means that another vocabulary, seed or rule made the table: every row id
// would be wrong, so the first difference is named and nothing goes on.

import { EngramError } from "../errors.js";
import type { LayerAddressing } from "./derive-layers.js";

/** One module's numbers; multipliers are decimal strings, for doubles would round them. */
export interface StoredLayerDerivation {
  readonly layer: number;
  readonly multipliers: readonly string[];
  /** By n-gram order, then head. */
  readonly primes: readonly (readonly number[])[];
  /** Flat: by order, then head. */
  readonly offsets: readonly number[];
  readonly rows: number;
}

/** All modules' numbers, in the order of `config.layers`. */
export interface StoredDerivation {
  readonly layers: readonly StoredLayerDerivation[];
}

/** The first place where two derivations differ; `undefined` stands for what is not there. */
export interface DerivationDifference {
  /** As in JavaScript: `layers[0].primes[1][3]`. */
  readonly path: string;
  readonly stored: unknown;
  readonly derived: unknown;
}

/** The derived numbers as JSON. */
export function storedDerivation(layers: readonly LayerAddressing[]): StoredDerivation {
  return {
    layers: layers.map(({ layer, multipliers, primes, offsets, rows }) => ({
      layer,
      multipliers: multipliers.map(String),
      primes: primes.map((order) => [...order]),
      offsets: [...offsets],
      rows,
    })),
  };
}

/**
 * The first difference between what was stored, which may be anything, and what is derived; `undefined` where they
 * agree.
 */
export function compareDerivations(stored: unknown, derived: StoredDerivation): DerivationDifference | undefined {
  return compareValues("", stored, derived);
}

function compareValues(path: string, stored: unknown, derived: unknown): DerivationDifference | undefined {
  const difference = { path: path === "" ? "derived" : path, stored, derived };
  if (typeof derived !== "object" || derived === null) return stored === derived ? undefined : difference;
  if (typeof stored !== "object" || stored === null || Array.isArray(stored) !== Array.isArray(derived)) {
    return difference;
  }
  const found = stored as Record<string, unknown>; // an object; each property is compared by value
  const keys = [...Object.keys(derived), ...Object.keys(stored).filter((key) => !Object.hasOwn(derived, key))];
  for (const key of keys) {
    const step = Array.isArray(derived) ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;
    const expected = Object.hasOwn(derived, key) ? (derived as Record<string, unknown>)[key] : undefined; // own key
    const first = compareValues(step, Object.hasOwn(found, key) ? found[key] : undefined, expected);
    if (first !== undefined) return first;
  }
  return undefined;
}

/**
 * Refuses stored numbers that are not those derived.
 * @throws EngramError `manifest-mismatch` naming the first difference.
 */
export function checkDerivation(stored: unknown, derived: StoredDerivation, operation: string): void {
  const difference = compareDerivations(stored, derived);
  if (difference === undefined) return;
  const { path } = difference;
  throw new EngramError({
    code: "manifest-mismatch",
    operation,
    message: `${path} is stored as ${brief(difference.stored)} and derived as ${brief(difference.derived)}; the rows were written with the stored numbers: use the addressing configuration (vocabulary size, seed, layers, tables) they were made with`,
    context: { ...difference },
  });
}

function brief(value: unknown): string {
  const text = value === undefined ? "nothing" : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
