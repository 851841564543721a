// Text to token ids and back, with any tokenizer.json. Byte-level BPE is encoded here, exactly as the reference library does
// and many times faster than the JavaScript one; tokenizers of other kinds are encoded by npm @huggingface/tokenizers.
// Added tokens written in a text become their ids, none is added at its ends. Not here: files, token maps (core).

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { EngramError, parseTokenizerJson, type TokenizerVocabulary, tokenText } from "@engram-ts/core";
import { addedTokenFinder } from "./added-tokens.js";
import { bytesOfToken } from "./byte-alphabet.js";
import { bytePairEncoder } from "./byte-pair-encoder.js";
import { tokenByteLengths } from "./token-bytes.js";

/** A tokenizer ready for use. */
export interface Tokenizer {
  /** What its file says about its ids. */
  readonly vocabulary: TokenizerVocabulary;
  /** Ids are below this: the least `vocabSize` of a model that is trained with it. */
  readonly vocabSize: number;
  /** `sha256:` and the hex digest of the file's content, without regard to its white space. */
  readonly digest: string;
  /** UTF-8 bytes of text that each token stands for, [vocabSize]; 0 for special tokens. Those of a text's ids add up to it. */
  readonly byteLengths: Uint32Array;
  /** The content of its tokenizer.json. */
  readonly json: object;
  /**
   * Token ids of a text, [tokens].
   * @throws EngramError `invalid-argument` for text with half of a surrogate pair, `unsupported` where there is no token
   * for a part of it.
   */
  encode(text: string): Uint32Array;
  /** The text of ids; U+FFFD where bytes are no whole character, nothing for special tokens. */
  decode(ids: Iterable<number>): string;
}

/** What is used of the library. Its own declarations do not type-check under NodeNext, so it is not imported by type. */
interface LibraryTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: readonly (number | undefined)[] };
  decode(ids: readonly number[], options: { skip_special_tokens: boolean }): string;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Opens a tokenizer.
 * @param content of a tokenizer.json: its text, or what `JSON.parse` made of it.
 * @throws EngramError `invalid-tokenizer`; `unsupported` for kinds that cannot be used here.
 * @example
 * const tokenizer = openTokenizer(await readFile("tokenizer.json", "utf8"));
 */
export function openTokenizer(content: unknown): Tokenizer {
  const vocabulary = parseTokenizerJson(content);
  // parseTokenizerJson has found it to be an object.
  const json = (typeof content === "string" ? JSON.parse(content) : content) as Record<string, unknown>;
  let library: LibraryTokenizer | undefined;
  const getLibrary = (): LibraryTokenizer => {
    library ??= openLibrary(json);
    return library;
  };
  const encodePieces = bytePairEncoder(json);
  const findAdded = addedTokenFinder(json.added_tokens, vocabulary);
  if (encodePieces === undefined || findAdded === undefined) getLibrary(); // throws now rather than at the first text
  const encode = (text: string): Uint32Array => {
    if (encodePieces === undefined || findAdded === undefined) {
      return checkedIds(vocabulary, getLibrary().encode(text, { add_special_tokens: false }).ids);
    }
    const ids: number[] = [];
    let end = 0;
    for (const { at, length, id } of findAdded(text)) {
      encodePieces(text.slice(end, at), ids);
      ids.push(id);
      end = at + length;
    }
    encodePieces(end === 0 ? text : text.slice(end), ids);
    return new Uint32Array(ids);
  };
  return {
    vocabulary,
    vocabSize: vocabulary.tokens.length,
    digest: `sha256:${createHash("sha256").update(JSON.stringify(json)).digest("hex")}`,
    byteLengths: tokenByteLengths(vocabulary),
    json,
    encode: (text) => {
      checkText(text);
      return encode(text);
    },
    decode: (ids) =>
      encodePieces === undefined
        ? getLibrary().decode([...ids], { skip_special_tokens: true })
        : decodeBytes(vocabulary, ids),
  };
}

function checkedIds({ tokens }: TokenizerVocabulary, ids: readonly (number | undefined)[]): Uint32Array {
  return Uint32Array.from(ids, (id, index) => {
    if (id !== undefined && tokens[id] !== undefined) return id;
    throw new EngramError({
      code: "unsupported",
      operation: "tokenizer.encode",
      message: `this tokenizer has no token for a part of the text (token ${index}); use another tokenizer`,
      context: { index },
    });
  });
}

function decodeBytes(vocabulary: TokenizerVocabulary, ids: Iterable<number>): string {
  const bytes: Uint8Array[] = [];
  for (const id of ids) {
    const token = vocabulary.tokens[id] ?? "";
    const added = vocabulary.added.get(id);
    if (added?.special !== true) {
      bytes.push(
        added === undefined ? (bytesOfToken(token) ?? Buffer.from(token)) : Buffer.from(tokenText(vocabulary, id)),
      );
    }
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Buffer.concat(bytes));
}

function checkText(text: string): void {
  if (typeof text === "string" && !LONE_SURROGATE.test(text)) return;
  throw new EngramError({
    code: "invalid-argument",
    operation: "tokenizer.encode",
    message:
      "the text must be a well-formed string, and holds half of a surrogate pair; remove it or replace it by U+FFFD",
  });
}

function openLibrary(json: Record<string, unknown>): LibraryTokenizer {
  const library = createRequire(import.meta.url)("@huggingface/tokenizers") as {
    readonly Tokenizer: new (tokenizer: object, config: object) => LibraryTokenizer;
  };
  try {
    // The library wants every part to be there.
    const parts = { normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, added_tokens: [] };
    return new library.Tokenizer({ ...parts, ...json }, {});
  } catch (cause) {
    throw new EngramError({
      code: "unsupported",
      operation: "openTokenizer",
      message: `@huggingface/tokenizers cannot encode with this file: ${cause instanceof Error ? cause.message : String(cause)}; use a byte-level BPE tokenizer`,
      cause,
    });
  }
}
