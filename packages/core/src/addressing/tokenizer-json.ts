// Reader of a Hugging Face tokenizer.json: what tokenizer compression needs of it, which is each id's vocabulary string,
// which ids are added tokens, and how a token's string becomes text. Ids are given out as the reference library gives them.
// Not a tokenizer: merges, pre-tokenizers and templates are not read.

import { EngramError } from "../errors.js";
import { parseTokenDecoder, type TokenDecoder } from "./token-decoder.js";

/** A token that was added beside the model's own vocabulary. */
export interface AddedToken {
  /** Its text, matched whole in the input. */
  readonly content: string;
  /** Whether it is special: left out of decoded text on request. */
  readonly special: boolean;
}

/** What a tokenizer.json says about its ids. */
export interface TokenizerVocabulary {
  /**
   * Number of distinct tokens: `len(tokenizer)` of the reference, and the ids that its compression covers (0 to
   * `size` - 1). Less than `tokens.length` where the id space has holes.
   */
  readonly size: number;
  /** The vocabulary string of each id, `undefined` at holes. Byte-level models write bytes as printable characters. */
  readonly tokens: readonly (string | undefined)[];
  /** Added tokens by id. */
  readonly added: ReadonlyMap<number, AddedToken>;
  /** How a vocabulary string becomes text. */
  readonly decoder: TokenDecoder;
}

/** Most ids of one tokenizer: far above any published one, low enough that hostile files cannot exhaust memory. */
export const MAX_TOKENIZER_IDS = 1 << 24;

/** Most characters of one tokenizer.json. */
export const MAX_TOKENIZER_JSON_LENGTH = 256 * 1024 * 1024;

const MAX_TOKEN_LENGTH = 1 << 20;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Reads and checks a tokenizer.json.
 * Added tokens that the model's vocabulary lacks are numbered in file order, on from its count, as Hugging Face
 * `tokenizers` does: where a file states ids with gaps, the stated ones are not used.
 * @param json the file's text, or what `JSON.parse` made of it.
 * @throws EngramError `invalid-tokenizer` with what is wrong and where; `unsupported` for a vocabulary or decoder of a
 * kind that is not exact here.
 * @example
 * const vocabulary = parseTokenizerJson(await readFile("tokenizer.json", "utf8"));
 */
export function parseTokenizerJson(json: unknown): TokenizerVocabulary {
  const root = record(typeof json === "string" ? parseText(json) : json, "the file");
  const model = record(root.model, "model");
  const tokens: (string | undefined)[] = [];
  const ids = modelVocabulary(model, tokens);
  const added = addTokens(root.added_tokens, ids, tokens);
  const decoder = parseTokenDecoder(root.decoder);
  if (ids.size === 0) throw invalid("model.vocab", "at least one token", "none");
  return { size: ids.size, tokens, added, decoder };
}

function parseText(text: string): unknown {
  if (text.length > MAX_TOKENIZER_JSON_LENGTH) {
    throw invalid("the file", `at most ${MAX_TOKENIZER_JSON_LENGTH} characters`, `${text.length}`);
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid("the file", "JSON", `what does not parse`, cause);
  }
}

/** Fills `tokens` by id and returns the ids by string. */
function modelVocabulary(model: Record<string, unknown>, tokens: (string | undefined)[]): Map<string, number> {
  if (Array.isArray(model.vocab)) {
    throw new EngramError({
      code: "unsupported",
      operation: "parseTokenizerJson",
      message:
        `model.vocab is a list of scored pieces (model type ${JSON.stringify(model.type)}); exact here are vocabularies ` +
        "that map strings to ids (BPE). Make the token map with the reference and load it with decodeTokenMap",
      context: { where: "model.vocab", modelType: model.type },
    });
  }
  const vocabulary = record(model.vocab, "model.vocab");
  const strings = Object.keys(vocabulary);
  if (strings.length > MAX_TOKENIZER_IDS) {
    throw invalid("model.vocab", `at most ${MAX_TOKENIZER_IDS} tokens`, `${strings.length}`);
  }
  const ids = new Map<string, number>();
  let limit = 0;
  for (const token of strings) {
    const where = () => `model.vocab[${quote(token)}]`; // only an error needs it
    const id = tokenId(vocabulary[token], where);
    checkText(token, where);
    ids.set(token, id);
    if (id >= limit) limit = id + 1;
  }
  // Filled by length first: an array that grows by assignment to far indices becomes a dictionary.
  tokens.length = 0;
  for (let id = 0; id < limit; id++) tokens.push(undefined);
  for (const [token, id] of ids) {
    const other = tokens[id];
    if (other !== undefined) {
      throw invalid(`model.vocab[${quote(token)}]`, "an id of its own", `${id}, which ${quote(other)} has too`);
    }
    tokens[id] = token;
  }
  return ids;
}

/**
 * Adds the added tokens to `ids` and `tokens`. New ones are numbered on from the model's count of tokens, as the reference
 * does (0.23.3): where the model's ids have holes that may fill one, or take the place of a model token.
 */
function addTokens(
  json: unknown,
  ids: Map<string, number>,
  tokens: (string | undefined)[],
): ReadonlyMap<number, AddedToken> {
  const added = new Map<number, AddedToken>();
  if (json === undefined || json === null) return added;
  if (!Array.isArray(json)) throw invalid("added_tokens", "an array", typeof json);
  if (json.length > MAX_TOKENIZER_IDS) {
    throw invalid("added_tokens", `at most ${MAX_TOKENIZER_IDS} entries`, `${json.length}`);
  }
  const modelLimit = tokens.length;
  const contentOfStatedId = new Map<number, string>();
  let next = ids.size;
  for (let index = 0; index < json.length; index++) {
    const where = `added_tokens[${index}]`;
    const entry = record(json[index], where);
    const { content, special } = entry;
    if (typeof content !== "string") throw invalid(`${where}.content`, "a string", typeof content);
    if (typeof special !== "boolean") throw invalid(`${where}.special`, "true or false", typeof special);
    checkText(content, () => `${where}.content`);
    const stated = tokenId(entry.id, () => `${where}.id`);
    const holder = contentOfStatedId.get(stated);
    if (holder !== undefined && holder !== content) {
      throw invalid(`${where}.id`, "an id of its own", `${stated}, which ${quote(holder)} has too`);
    }
    contentOfStatedId.set(stated, content);
    if (content === "") continue; // the reference drops it
    let id = ids.get(content);
    if (id === undefined) {
      const occupant = stated < modelLimit && !added.has(stated) ? tokens[stated] : undefined;
      if (occupant !== undefined) {
        throw invalid(`${where}.id`, "an id of its own", `${stated}, which ${quote(occupant)} has too`);
      }
      id = next++;
      if (id >= MAX_TOKENIZER_IDS) throw invalid(`${where}.id`, `ids below ${MAX_TOKENIZER_IDS}`, `${id}`);
      ids.set(content, id);
      while (tokens.length <= id) tokens.push(undefined);
      tokens[id] = content;
    }
    added.set(id, { content, special });
  }
  return added;
}

function tokenId(value: unknown, where: () => string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value >= MAX_TOKENIZER_IDS) {
    throw invalid(where(), `a whole number from 0 to ${MAX_TOKENIZER_IDS - 1}`, quote(value));
  }
  return value;
}

function checkText(text: string, where: () => string): void {
  if (text.length > MAX_TOKEN_LENGTH)
    throw invalid(where(), `at most ${MAX_TOKEN_LENGTH} characters`, `${text.length}`);
  if (LONE_SURROGATE.test(text)) throw invalid(where(), "well-formed text", "a lone surrogate");
}

function record(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(where, "an object", value === null ? "null" : Array.isArray(value) ? "an array" : typeof value);
  }
  return value as Record<string, unknown>; // any object read from JSON: each field is checked at its use
}

function quote(value: unknown): string {
  return String(JSON.stringify(value)).slice(0, 80);
}

function invalid(where: string, expected: string, found: string, cause?: unknown): EngramError {
  return new EngramError({
    code: "invalid-tokenizer",
    operation: "parseTokenizerJson",
    message: `expected ${expected} at ${where}, found ${found}; use the tokenizer.json that its publisher saved`,
    context: { where },
    cause,
  });
}
