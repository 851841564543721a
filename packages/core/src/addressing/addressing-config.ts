// How tokens become row ids, as one JSON object: the same in code, in a manifest and on the command line. Its type and
// its check. What follows from it (primes, multipliers, offsets) is derived in hash-scheme.ts; what it costs to store
// rows is no part of it.

import { EngramError } from "../errors.js";
import { MAX_ROWS } from "../rows/table.js";

/** The addressing rules that are known: the paper's, DeepSeek-V4.1's, and Qwen3.8-Flash-Next's ("PLE"). */
export const ADDRESSING_KINDS = ["engram", "deepseek-v4.1", "qwen-ple"] as const;

/** One of {@link ADDRESSING_KINDS}. */
export type AddressingKind = (typeof ADDRESSING_KINDS)[number];

interface CommonAddressingConfig {
  /** Token ids are below this: the compressed vocabulary for `engram` and `deepseek-v4.1`, the raw one for `qwen-ple`. */
  readonly vocabSize: number;
  /** Seed of the hash multipliers; each layer's generator gets its own number added. */
  readonly seed: number;
  /** 0-based block indices that own a table, in the order of the tables. */
  readonly layers: readonly number[];
  /** Least rows of a head, one entry per n-gram order 2, 3, ...; heads get distinct primes from there upward. */
  readonly tableSizes: readonly number[];
  /** Hash heads of each n-gram order. */
  readonly headsPerOrder: number;
}

/** See {@link parseAddressingConfig} for the ranges. */
export type AddressingConfig =
  | (CommonAddressingConfig & {
      readonly kind: "engram" | "deepseek-v4.1";
      /** Compressed id that stands where a look-back finds no token. */
      readonly padId: number;
    })
  | (CommonAddressingConfig & {
      readonly kind: "qwen-ple";
      /** Token that ends a segment, and that stands where a look-back leaves the segment. */
      readonly eosId: number;
    });

/** Bounds of every field of an {@link AddressingConfig}. */
export const ADDRESSING_LIMITS = {
  /** Ids stay below the 32-bit marker of a dead token. */
  vocabSize: 2 ** 31,
  /** Seeds are JSON numbers: doubles are exact up to here. */
  seed: Number.MAX_SAFE_INTEGER,
  /** Greatest block index. */
  layer: 65_535,
  /** Most layers with a table. */
  layers: 128,
  /** Entries of `tableSizes`: n-gram orders 2 to 8. */
  tableSizes: 7,
  /** Greatest least size of one head; the kernels' arithmetic is exact above it, too, up to 2^32 - 2^15. */
  tableSize: 2 ** 31,
  headsPerOrder: 64,
} as const;

const operation = "parseAddressingConfig";

function refuse(field: string, found: unknown, message: string): never {
  throw new EngramError({
    code: "invalid-config",
    operation,
    message: `${field} is ${describe(found)}; ${message}`,
    context: { field, found },
  });
}

function describe(value: unknown): string {
  if (value === undefined) return "missing";
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (typeof value === "number" || typeof value === "boolean" || value === null) return String(value);
  return Array.isArray(value) ? `an array of ${value.length}` : `of type ${typeof value}`;
}

function whole(value: unknown, field: string, least: number, greatest: number, meaning: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < least || value > greatest) {
    refuse(field, value, `use a whole number from ${least} to ${greatest}: ${meaning}`);
  }
  return value + 0; // negative zero becomes zero, so that equal configurations are written alike
}

function wholes(
  value: unknown,
  field: string,
  most: number,
  least: number,
  greatest: number,
  meaning: string,
): readonly number[] {
  if (!Array.isArray(value) || value.length < 1 || value.length > most) {
    refuse(field, value, `use an array of 1 to ${most} whole numbers: ${meaning}`);
  }
  // Array.from visits holes, which map would skip
  return Array.from(value, (entry: unknown, i) => whole(entry, `${field}[${i}]`, least, greatest, meaning));
}

/**
 * Checks an addressing configuration that came from outside and returns it as a fresh plain object.
 *
 * Ranges: `vocabSize` 1 to 2^31; `seed` 0 to 2^53 - 1; `layers` 1 to 128 different block indices up to 65,535;
 * `tableSizes` 1 to 7 sizes (orders 2 to 8) of 2 to 2^31; `headsPerOrder` 1 to 64; `padId` or `eosId` below
 * `vocabSize`; and the rows of one module stay below 2^32. Fields that are not known are refused, for a misspelt one
 * would silently address other rows.
 * @throws EngramError `invalid-config`, naming the field, what was found and what is allowed.
 */
export function parseAddressingConfig(value: unknown): AddressingConfig {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    refuse("the addressing configuration", value, "use an object with kind, vocabSize, seed, layers, ...");
  }
  const fields = value as Record<string, unknown>; // an object: any property may be there, each is checked below
  const kind = ADDRESSING_KINDS.find((known) => known === fields.kind);
  if (kind === undefined) return refuse("kind", fields.kind, `use one of ${ADDRESSING_KINDS.join(", ")}`);
  const fillField = kind === "qwen-ple" ? "eosId" : "padId";
  const known = ["kind", "vocabSize", "seed", "layers", "tableSizes", "headsPerOrder", fillField];
  for (const field of Object.keys(fields)) {
    if (!known.includes(field)) {
      refuse(field, fields[field], `kind ${kind} knows no such field, only ${known.join(", ")}; remove or rename it`);
    }
  }
  const limits = ADDRESSING_LIMITS;
  const vocabSize = whole(fields.vocabSize, "vocabSize", 1, limits.vocabSize, "the number of token ids");
  const seed = whole(fields.seed, "seed", 0, limits.seed, "the seed of the hash multipliers");
  const layers = wholes(fields.layers, "layers", limits.layers, 0, limits.layer, "0-based block indices");
  const again = layers.findIndex((layer, i) => layers.indexOf(layer) < i);
  if (again >= 0) refuse(`layers[${again}]`, layers[again], "that block is named before; name each once");
  const tableSizes = wholes(
    fields.tableSizes,
    "tableSizes",
    limits.tableSizes,
    2,
    limits.tableSize,
    "the least rows of a head, one entry per n-gram order 2, 3, ...",
  );
  const headsPerOrder = whole(
    fields.headsPerOrder,
    "headsPerOrder",
    1,
    limits.headsPerOrder,
    "hash heads of each n-gram order",
  );
  const leastRows = tableSizes.reduce((sum, size) => sum + size * headsPerOrder, 0);
  if (leastRows > MAX_ROWS) {
    refuse(
      "tableSizes",
      tableSizes,
      `with ${headsPerOrder} heads each they make ${leastRows} rows, and a module holds at most ${MAX_ROWS}; use smaller tables or fewer heads`,
    );
  }
  const fill = whole(fields[fillField], fillField, 0, vocabSize - 1, "a token id below vocabSize");
  const common = { vocabSize, seed, layers, tableSizes, headsPerOrder };
  return kind === "qwen-ple" ? { kind, ...common, eosId: fill } : { kind, ...common, padId: fill };
}
