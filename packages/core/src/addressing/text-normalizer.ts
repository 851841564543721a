// The text normalization of tokenizer compression, code point for code point as the reference runs it: NFKC, NFD, marks
// stripped, lower case, runs of space, tab, CR and LF to one space, both ends trimmed; a lone space stays a space
// (paper, section 2.2 and its reference module's normalizer chain in Hugging Face `tokenizers`).
// Not a general normalizer: its Unicode tables are those of the reference, see unicode-frozen.ts.

import { FROZEN_RUN, STRIPPED_MARKS } from "./unicode-frozen.js";

const ASCII = /^[\0-\x7f]*$/;
const SPACES = /[ \t\r\n]+/g;
// Unicode White_Space, not String.trim: that would strip U+FEFF and keep U+0085.
const OUTER_WHITE_SPACE = /^\p{White_Space}+|\p{White_Space}+$/gu;
const SENTINEL = /\ue000/g;
const CAPITAL_SIGMA = /Σ/g;

/**
 * The normalized form of one token's text: equal forms share one compressed id. May be empty.
 * @param text well-formed text; no lone surrogates.
 */
export function normalizeTokenText(text: string): string {
  const plain = ASCII.test(text) ? text.toLowerCase() : lowerCase(stripMarks(text));
  const spaced = plain.replace(SPACES, " ");
  // The reference hides a lone space behind the sentinel U+E000 while it strips, then makes every U+E000 a space.
  return spaced === " " ? " " : spaced.replace(OUTER_WHITE_SPACE, "").replace(SENTINEL, " ");
}

function stripMarks(text: string): string {
  if (!FROZEN_RUN.test(text)) return decompose(text);
  // Frozen code points are starters that compose with nothing, so the text between them decomposes on its own.
  // The capturing split puts them at the odd places.
  return text
    .split(FROZEN_RUN)
    .map((part, index) => (index % 2 === 1 ? part : decompose(part)))
    .join("");
}

function decompose(text: string): string {
  // NFD of NFKC is NFKD.
  return text.normalize("NFKD").replace(STRIPPED_MARKS, "");
}

function lowerCase(text: string): string {
  // The reference lowers each code point alone; a whole string's toLowerCase knows the final sigma.
  return text.replace(CAPITAL_SIGMA, "σ").toLowerCase();
}
