// The text that names where tables are: one URI, or a stack of tiers, fastest first, as in
// `dram(1GiB) > lmdb:./cache > s3://bucket/prefix`. Text to plain data, strictly: what is not understood is refused with
// its place. Opening what was read is in open-tables.ts; what stands behind a scheme's colon is its driver's business.
//
//   stack = tier *( ">" tier )         the last is complete, the ones before it are caches
//   tier  = "dram" | "dram(" size ")" | "dram:" tier | uri
//   uri   = scheme ":" rest            scheme: a lower-case letter, then letters, digits, "+", "-", "."; no ">" in rest
//   size  = number [ "B" | "KiB" | "MiB" | "GiB" | "TiB" | "KB" | "MB" | "GB" | "TB" ]

import { EngramError } from "../errors.js";

/** One tier of a stack. */
export type Tier =
  /** All rows of what stands behind it, loaded into memory. */
  | { readonly kind: "memory" }
  /** A cache in memory of so many bytes, for all tables together. */
  | { readonly kind: "memory-cache"; readonly bytes: number }
  /** What a driver opens: a row cache, or as the last tier the complete tables. */
  | { readonly kind: "uri"; readonly scheme: string; readonly uri: string };

/** Most tiers of a stack, and most characters. */
const MAX_TIERS = 8;
const MAX_LENGTH = 16_384;

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
};

const operation = "parseTierUri";

/**
 * Reads a URI or a stack of tiers.
 * @returns the tiers, fastest first; the last is a URI.
 * @throws EngramError `invalid-argument`, naming the place in the text, what was found there and what may stand there.
 * @example parseTierUri("dram(1GiB) > s3://bucket/prefix")
 */
export function parseTierUri(text: string): readonly Tier[] {
  if (typeof text !== "string" || text.length > MAX_LENGTH) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `tables are named by a URI, a text of at most ${MAX_LENGTH} characters; use file:./folder or another`,
    });
  }
  const tiers: Tier[] = [];
  let at = 0;
  for (const piece of text.split(">")) {
    const start = at + (piece.length - piece.trimStart().length);
    const last = at + piece.length === text.length;
    readTier(text, piece.trim(), start, last, tiers);
    at += piece.length + 1;
  }
  if (tiers.length > MAX_TIERS) refuse(text, 0, `${tiers.length} tiers, and at most ${MAX_TIERS} stand in one stack`);
  tiers.forEach((tier, i) => {
    if (tier.kind === "memory" && i > 0) {
      refuse(text, 0, "dram without a size holds all rows, so it can only be the first tier; write dram(1GiB)");
    }
  });
  return tiers;
}

function readTier(text: string, tier: string, start: number, last: boolean, tiers: Tier[]): void {
  if (tier === "") refuse(text, start, "a tier is missing here");
  const memory = /^dram(?![a-z0-9+.-])\s*/.exec(tier);
  if (memory === null) {
    tiers.push(readUri(text, tier, start));
    return;
  }
  const rest = tier.slice(memory[0].length);
  if (rest.startsWith(":")) {
    const inside = rest.slice(1);
    tiers.push({ kind: "memory" });
    const skipped = inside.length - inside.trimStart().length;
    if (inside.trim() === "") refuse(text, start, "memory keeps nothing by itself; write dram:file:./folder");
    readTier(text, inside.trim(), start + memory[0].length + 1 + skipped, last, tiers);
    return;
  }
  if (last) refuse(text, start, "memory keeps nothing by itself, so it cannot be the last tier; add > file:./folder");
  if (rest === "") tiers.push({ kind: "memory" });
  else tiers.push({ kind: "memory-cache", bytes: readSize(text, rest, start + memory[0].length) });
}

function readUri(text: string, uri: string, start: number): Tier {
  const scheme = /^([a-z][a-z0-9+.-]+):/.exec(uri)?.[1];
  if (scheme === undefined) {
    return refuse(text, start, "a URI begins with its scheme; for a folder write file:./folder");
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: just these are refused
  const control = /[\u0000-\u001f\u007f]/.exec(uri);
  if (control !== null) refuse(text, start + control.index, "a control character; none may stand in a URI");
  if (uri.length === scheme.length + 1) refuse(text, start, `nothing follows ${scheme}:`);
  return { kind: "uri", scheme, uri };
}

function readSize(text: string, parenthesis: string, start: number): number {
  const size = /^\(\s*(.*?)\s*\)$/.exec(parenthesis)?.[1];
  if (size === undefined) return refuse(text, start, "expected a size in parentheses and nothing after it: dram(1GiB)");
  return (
    byteSize(size) ??
    refuse(text, start + 1, `"${size.slice(0, 40)}" is no size; write bytes, or as 512MiB, 1.5GiB, 2GB`)
  );
}

/** The bytes of a size such as `1.5GiB`, rounded down; undefined where it is none, is below 1 or above 2^53. */
export function byteSize(size: string): number | undefined {
  const [, digits, unit = ""] = /^(\d{1,16}(?:\.\d{1,6})?)\s?([A-Za-z]*)$/.exec(size) ?? [];
  const factor = Object.hasOwn(UNITS, unit) ? UNITS[unit] : undefined;
  if (digits === undefined || factor === undefined) return undefined;
  const bytes = Math.floor(Number(digits) * factor);
  return bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER ? bytes : undefined;
}

/** The stack as text that {@link parseTierUri} reads to the same tiers. */
export function tierUriText(tiers: readonly Tier[]): string {
  return tiers
    .map((tier) => {
      if (tier.kind === "uri") return tier.uri;
      return tier.kind === "memory" ? "dram" : `dram(${tier.bytes})`;
    })
    .join(" > ");
}

function refuse(text: string, at: number, message: string): never {
  const shown = text.length > 200 ? `${text.slice(0, 200)}...` : text;
  throw new EngramError({
    code: "invalid-argument",
    operation,
    message: `at character ${at + 1} of ${JSON.stringify(shown)}: ${message}`,
    context: { at, uri: shown },
  });
}
