// Tokenizer compression: raw token ids to compressed ids, so that " The", "the" and "THE" share their n-grams.
// The map is built once from a vocabulary and is then an artefact, kept and loaded with its digest (token-map-file.ts):
// one different entry changes the compressed size and with it every hash multiplier.
// Paper, section 2.2 and Appendix C.

import { EngramError } from "../errors.js";
import { normalizeTokenText } from "./text-normalizer.js";
import { decodeToken } from "./token-decoder.js";
import { MAX_TOKENIZER_IDS, type TokenizerVocabulary } from "./tokenizer-json.js";

/** What each raw token id is compressed to. */
export interface TokenMap {
  /** Number of raw token ids, 0 to `tokens` - 1. */
  readonly tokens: number;
  /** Number of compressed ids: the vocabulary size of an addressing config. */
  readonly compressed: number;
  /** The compressed id of each raw id, [tokens]. New ids are consecutive in order of first occurrence. */
  readonly ids: Uint32Array;
  /** The form that the tokens of each compressed id share, [compressed]; where asked for when the map was built. */
  readonly keys?: readonly string[];
}

/** Options of {@link buildTokenMap}. */
export interface BuildTokenMapOptions {
  /** Whether to keep the shared form of each compressed id, for people to read. Default false. */
  readonly keys?: boolean;
  /**
   * How many raw ids to cover. Default `vocabulary.size`, as in the reference, which leaves out the highest ids of a
   * tokenizer with holes in its id space; `vocabulary.tokens.length` covers all of them.
   */
  readonly tokens?: number;
}

/**
 * Builds the token map of a tokenizer: each id decoded by itself, normalized, and numbered by first occurrence.
 * Tokens that are no valid UTF-8 by themselves keep their vocabulary string as their form, tokens whose normalized text
 * is empty keep their text, and ids without a token count as empty text.
 * @throws EngramError `invalid-argument` where `options.tokens` is not a whole number in range.
 * @example
 * const map = buildTokenMap(parseTokenizerJson(text)); // DeepSeek-V3: 128,815 tokens to 98,627
 */
export function buildTokenMap(vocabulary: TokenizerVocabulary, options: BuildTokenMapOptions = {}): TokenMap {
  const tokens = options.tokens ?? vocabulary.size;
  if (!Number.isInteger(tokens) || tokens < 1 || tokens > MAX_TOKENIZER_IDS) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "buildTokenMap",
      message: `tokens is ${String(tokens)}; use a whole number from 1 to ${MAX_TOKENIZER_IDS}, or leave it out for all ${vocabulary.size} tokens`,
      context: { tokens },
    });
  }
  const ids = new Uint32Array(tokens);
  const idOfKey = new Map<string, number>();
  for (let raw = 0; raw < tokens; raw++) {
    const key = tokenKey(vocabulary, raw);
    let id = idOfKey.get(key);
    if (id === undefined) {
      id = idOfKey.size;
      idOfKey.set(key, id);
    }
    ids[raw] = id;
  }
  const map = { tokens, compressed: idOfKey.size, ids };
  return options.keys === true ? { ...map, keys: [...idOfKey.keys()] } : map;
}

/**
 * The text of one token by itself, as {@link buildTokenMap} decodes it: U+FFFD where its bytes are no whole characters,
 * empty where the id has no token.
 */
export function tokenText(vocabulary: TokenizerVocabulary, id: number): string {
  const token = vocabulary.tokens[id];
  return token === undefined ? "" : decodeToken(vocabulary.decoder, token);
}

function tokenKey(vocabulary: TokenizerVocabulary, id: number): string {
  const token = vocabulary.tokens[id];
  if (token === undefined) return "";
  const text = decodeToken(vocabulary.decoder, token);
  // Raw strings and texts share one key space, as in the reference, even where that merges one with the other.
  if (text.includes("\ufffd")) return token;
  return normalizeTokenText(text) || text;
}

/**
 * Compresses a sequence of raw token ids.
 * @param out where to write, of the same length; a new array by default.
 * @returns `out`, the compressed ids in the order of `ids`.
 * @throws EngramError `token-out-of-range` naming the first id that is not in the map and its place; `output-length`.
 * Nothing is written then.
 */
export function compressIds(map: TokenMap, ids: Uint32Array | readonly number[], out?: Uint32Array): Uint32Array {
  const target = out ?? new Uint32Array(ids.length);
  if (target.length !== ids.length) {
    throw new EngramError({
      code: "output-length",
      operation: "compressIds",
      message: `out holds ${target.length} ids where ${ids.length} are to be written; give one of length ${ids.length}`,
      context: { expected: ids.length, found: target.length },
    });
  }
  for (let index = 0; index < ids.length; index++) {
    const id = ids[index] ?? -1;
    // The bitwise form is false for fractions, NaN and negative numbers alike.
    if (id >>> 0 !== id || id >= map.tokens) throw tokenOutOfRange(map, index, ids[index]);
  }
  for (let index = 0; index < ids.length; index++) target[index] = map.ids[ids[index] ?? 0] ?? 0;
  return target;
}

function tokenOutOfRange(map: TokenMap, index: number, token: unknown): EngramError {
  return new EngramError({
    code: "token-out-of-range",
    operation: "compressIds",
    message: `ids[${index}] is ${String(token)}; this token map covers whole numbers from 0 to ${map.tokens - 1}: take the map of the tokenizer that made the ids`,
    context: { index, token, tokens: map.tokens },
  });
}
