// Finds added tokens in a text: at each place the longest, from left to right, before anything else is cut. Tokens that
// take white space beside them, or stand as single words only, are left to the library.
// Not here: what is between them (byte-pair-encoder.ts).

import type { TokenizerVocabulary } from "@engram-ts/core";

/** An added token in a text. */
export interface FoundToken {
  /** Where it begins, and its length, in UTF-16 code units. */
  readonly at: number;
  readonly length: number;
  readonly id: number;
}

/** The finder for the `added_tokens` of a tokenizer.json; undefined where one of them has flags of the kinds above. */
export function addedTokenFinder(
  json: unknown,
  { added }: TokenizerVocabulary,
): ((text: string) => readonly FoundToken[]) | undefined {
  const entries = Array.isArray(json) ? (json as Record<string, unknown>[]) : []; // checked by parseTokenizerJson
  if (entries.some(({ single_word, lstrip, rstrip }) => single_word === true || lstrip === true || rstrip === true)) {
    return undefined;
  }
  const idOf = new Map(Array.from(added, ([id, { content }]) => [content, id]));
  const contents = [...idOf.keys()].filter((content) => content !== "").sort((a, b) => b.length - a.length);
  if (contents.length === 0) return () => [];
  const firsts = [...new Set(contents.map((content) => String.fromCodePoint(content.codePointAt(0) ?? 0)))];
  // The look-ahead lets the engine skip quickly over what begins no token: there may be hundreds.
  const expression = new RegExp(`(?=${firsts.map(quote).join("|")})(?:${contents.map(quote).join("|")})`, "gu");
  return (text) =>
    Array.from(text.matchAll(expression), ({ 0: content, index }) => ({
      at: index,
      length: content.length,
      id: idOf.get(content) ?? 0,
    }));
}

function quote(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
