// How a text falls apart before byte pairs are merged: the pre_tokenizer of a tokenizer.json, as far as it is made of
// regular expressions over the text and bytes after them. Translated to what JavaScript means by the same characters;
// what cannot be translated exactly is refused by returning undefined, and the library encodes then (tokenizer.ts).
// Classes of letters and digits are those of this runtime's Unicode version: code points that were assigned since the
// version of another implementation fall apart differently there.

/** Cuts a text into pieces. */
export type PreTokenizer = (text: string) => readonly string[];

/** The expression of ByteLevel pre-tokenizers (GPT-2's), in the notation of tokenizer.json. */
const BYTE_LEVEL_PATTERN = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** The pre_tokenizer of tokenizers that are trained here. */
export const BYTE_LEVEL = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true } as const;

/** Reads a pre_tokenizer that ends in bytes; undefined where it is of a kind that is not exact here. */
export function parsePreTokenizer(json: unknown): PreTokenizer | undefined {
  const steps = record(json)?.type === "Sequence" ? record(json)?.pretokenizers : [json];
  if (!Array.isArray(steps)) return undefined;
  const splits: PreTokenizer[] = [];
  for (const [index, step] of steps.entries()) {
    const { type, pattern, behavior, invert, add_prefix_space, use_regex } = record(step) ?? {};
    if (type === "ByteLevel" && index === steps.length - 1 && add_prefix_space === false) {
      if (use_regex === false) return chain(splits);
      const split = isolated(BYTE_LEVEL_PATTERN);
      return split && chain([...splits, split]);
    }
    const expression = record(pattern)?.Regex;
    if (type !== "Split" || typeof expression !== "string") return undefined;
    // The second form says the same of an expression that matches every character, as its authors mean theirs to.
    const form = `${String(behavior)} ${String(invert)}`;
    const split =
      form === "Isolated false" ? isolated(expression) : form === "Removed true" ? matches(expression) : undefined;
    if (split === undefined) return undefined;
    splits.push(split);
  }
  return undefined;
}

function chain(splits: readonly PreTokenizer[]): PreTokenizer {
  return (text) => {
    let pieces: readonly string[] = text === "" ? [] : [text];
    for (const split of splits) pieces = pieces.flatMap(split);
    return pieces;
  };
}

/** Each match is a piece, and so is what stands between two matches. */
function isolated(pattern: string): PreTokenizer | undefined {
  const expression = translate(pattern);
  if (expression === undefined) return undefined;
  return (text) => {
    // Most expressions match every character. `match` makes no object a match: 3 times faster than `matchAll`.
    const matches = text.match(expression) ?? [];
    let matched = 0;
    for (const { length } of matches) matched += length === 0 ? Number.NaN : length;
    if (matched === text.length) return matches;
    const pieces: string[] = [];
    let end = 0;
    for (const match of text.matchAll(expression)) {
      if (match[0] === "") continue;
      if (match.index > end) pieces.push(text.slice(end, match.index));
      end = match.index + match[0].length;
      pieces.push(match[0]);
    }
    if (end < text.length) pieces.push(text.slice(end));
    return pieces;
  };
}

/** Each match is a piece; what no match covers is left out, as the reference does. */
function matches(pattern: string): PreTokenizer | undefined {
  const expression = translate(pattern);
  return expression && ((text) => (text.match(expression) ?? []).filter((piece) => piece !== ""));
}

// Escapes that mean the same in both notations once \s is replaced: JavaScript's \s has U+FEFF and lacks U+0085.
const ESCAPES = /\\(?:[rnt]|[pP]\{\^?[A-Za-z_=]+\}|[^\p{L}\p{N}])/gu;
const CLASS = /\[\^?[^[\]]*\]/g;
// Groups with flags, look-behind, names; possessive repeats; other escapes; nested classes; anchors.
const REFUSED = /\(\?(?![:!=])|[+*?}]\+|[\\[\]^$]/;

function translate(pattern: string): RegExp | undefined {
  const spaced = pattern
    .replaceAll(/\(\?i:([^()[\]\\]*)\)/gu, (_, words: string) => `(?:${words.replaceAll(/[A-Za-z]/g, anyCase)})`)
    .replaceAll("\\s", "\\p{White_Space}")
    .replaceAll("\\S", "\\P{White_Space}");
  const bare = spaced.replaceAll(ESCAPES, "x");
  if (bare.includes("&&") || REFUSED.test(bare.replaceAll(CLASS, "x"))) return undefined;
  try {
    // The u flag refuses escapes of characters that need none; they stand for themselves.
    return new RegExp(spaced.replaceAll(/\\([^\p{L}\p{N}^$\\.*+?()[\]{}|/-])/gu, "$1"), "gu");
  } catch {
    return undefined;
  }
}

/** Either case, with the two other characters that fold to an ASCII letter. */
function anyCase(letter: string): string {
  const small = letter.toLowerCase();
  return `[${small}${small.toUpperCase()}${small === "s" ? "\u017f" : small === "k" ? "\u212a" : ""}]`;
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined; // any JSON object
}
