// Text to token ids with a tokenizer.json. The work is done by npm @huggingface/tokenizers, checked here against the ids
// that core reads from the same file. It is given no tokenizer_config.json: what the reference library encodes by is the
// tokenizer.json alone.

import { createRequire } from "node:module";
import { EngramError, parseTokenizerJson, type TokenizerVocabulary, tokenText } from "@engram-ts/core";
import type { TokenizerSource } from "./tokenizer-source.js";

/** A tokenizer ready for use. */
export interface OpenTokenizer {
  /** What its file says about its ids. */
  readonly vocabulary: TokenizerVocabulary;
  /**
   * Token ids of a text, [tokens]. Special tokens written in the text become their ids; none is added at its ends.
   * @throws EngramError `invalid-argument` for text with a lone surrogate, `unsupported` where the tokenizer has no token
   * for a part of the text.
   */
  encode(text: string): Uint32Array;
  /** The text of one token by itself; holds U+FFFD where the token is a part of a character. */
  tokenText(id: number): string;
}

/** What is used of the library. Its own declarations do not type-check under NodeNext, so it is not imported by type. */
interface LibraryTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: readonly (number | undefined)[] };
  token_to_id(token: string): number | undefined;
}

const require = createRequire(import.meta.url);
const library = require("@huggingface/tokenizers") as {
  readonly Tokenizer: new (tokenizer: object, config: object) => LibraryTokenizer;
};

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Opens a tokenizer.
 * @throws EngramError `invalid-tokenizer`, `unsupported`.
 */
export function openTokenizer(source: Pick<TokenizerSource, "json" | "path">): OpenTokenizer {
  const vocabulary = parseTokenizerJson(source.json);
  const tokenizer = createTokenizer(source);
  checkAddedTokens(vocabulary, tokenizer, source.path);
  return {
    vocabulary,
    encode: (text) => encode(tokenizer, vocabulary, text),
    tokenText: (id) => tokenText(vocabulary, id),
  };
}

function createTokenizer({ json, path }: Pick<TokenizerSource, "json" | "path">): LibraryTokenizer {
  try {
    // parseTokenizerJson has found it to be an object; the library wants every part to be there.
    const parts = json as Record<string, unknown>;
    const whole = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...parts };
    return new library.Tokenizer({ ...whole, added_tokens: parts.added_tokens ?? [] }, {});
  } catch (cause) {
    throw new EngramError({
      code: "unsupported",
      operation: "openTokenizer",
      message: `@huggingface/tokenizers cannot encode with ${path}: ${cause instanceof Error ? cause.message : String(cause)}; give token ids instead of text`,
      context: { path },
      cause,
    });
  }
}

/** Both readers must give each added token one id: they differ where a file leaves gaps between its ids. */
function checkAddedTokens(vocabulary: TokenizerVocabulary, tokenizer: LibraryTokenizer, path: string): void {
  for (const [id, { content }] of vocabulary.added) {
    const found = tokenizer.token_to_id(content);
    if (found === id) continue;
    throw new EngramError({
      code: "invalid-tokenizer",
      operation: "openTokenizer",
      message: `${path} gives the added token ${JSON.stringify(content)} the id ${found}, where the reference library counts on to ${id}; give token ids instead of text, or mend the ids in the file`,
      context: { path, content, stated: found, expected: id },
    });
  }
}

function encode(tokenizer: LibraryTokenizer, vocabulary: TokenizerVocabulary, text: string): Uint32Array {
  if (typeof text !== "string" || LONE_SURROGATE.test(text)) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "tokenizer.encode",
      message:
        "the text must be a well-formed string, and holds half of a surrogate pair; remove it or replace it by U+FFFD",
    });
  }
  const { ids } = tokenizer.encode(text, { add_special_tokens: false });
  return Uint32Array.from(ids, (id, index) => {
    if (id !== undefined && vocabulary.tokens[id] !== undefined) return id;
    throw new EngramError({
      code: "unsupported",
      operation: "tokenizer.encode",
      message: `this tokenizer has no token for a part of the text (token ${index}), and none for unknown text; use another tokenizer or give token ids`,
      context: { index },
    });
  });
}
