// The manifest of tokenised text, `tokens.json`: what a folder of token shards holds and by which tokenizer it was made.
// Written last, so a folder without one is unfinished; checked whole on reading, as anything from outside is.
// Not here: the shards themselves (token-shards.ts), which the digests in it vouch for.

import { EngramError } from "@engram-ts/core";
import type { CorpusManifest } from "./corpus.js";

/** The uses that documents are split into. */
export const TOKEN_SPLITS = ["training", "validation"] as const;

/** One of the uses. */
export type TokenSplit = (typeof TOKEN_SPLITS)[number];

/** One shard: a file of ids, then of the places where documents begin. */
export interface TokenShard {
  readonly file: string;
  readonly tokens: number;
  readonly documents: number;
  readonly sha256: string;
}

/** What `tokens.json` says. */
export interface TokenManifest {
  readonly format: "engram-ts tokens";
  readonly version: 1;
  readonly tokenizer: {
    readonly file: string;
    /** The tokenizer's `digest`. */
    readonly digest: string;
    readonly vocabSize: number;
  };
  /** Bytes of one id: 2 or 4. */
  readonly idBytes: 2 | 4;
  /** The tokens put before and after each document, as ids; null where none. */
  readonly begin: number | null;
  readonly end: number | null;
  /** How documents were split. */
  readonly split: { readonly validation: number; readonly seed: number };
  readonly splits: Readonly<Record<TokenSplit, readonly TokenShard[]>>;
  /** What was read to make it. */
  readonly corpus: CorpusManifest;
}

/** The manifest's file. */
export const MANIFEST_FILE = "tokens.json";

const MAX_SHARDS = 100_000;

/** Most tokens of one split: they are in memory while it is read. */
export const MAX_SPLIT_TOKENS = 2 ** 31;

/**
 * Checks what was read of a manifest.
 * @throws EngramError `invalid-manifest` naming the first place that is wrong.
 */
export function parseTokenManifest(json: unknown, path: string): TokenManifest {
  const check = (holds: boolean, where: string, expected: string): void => {
    if (holds) return;
    throw new EngramError({
      code: "invalid-manifest",
      operation: "openTokenShards",
      message: `${path}: expected ${expected} at ${where}; make the shards again from the corpus`,
      context: { path, where },
    });
  };
  const manifest = fields(json);
  check(manifest.format === "engram-ts tokens" && manifest.version === 1, "format, version", "engram-ts tokens, 1");
  const tokenizer = fields(manifest.tokenizer);
  check(isDigest(tokenizer.digest) && isFile(tokenizer.file), "tokenizer", "a file and its digest");
  check(isWhole(tokenizer.vocabSize, 1, 2 ** 24), "tokenizer.vocabSize", "a whole number up to 2^24");
  const vocabSize = tokenizer.vocabSize as number; // checked above
  check(manifest.idBytes === (vocabSize <= 2 ** 16 ? 2 : 4), "idBytes", "2 for up to 65,536 ids, else 4");
  for (const name of ["begin", "end"]) {
    check(manifest[name] === null || isWhole(manifest[name], 0, vocabSize - 1), name, "an id of the tokenizer or null");
  }
  for (const split of TOKEN_SPLITS) {
    const shards = fields(manifest.splits)[split];
    check(Array.isArray(shards) && shards.length <= MAX_SHARDS, `splits.${split}`, "a list of shards");
    let tokens = 0;
    for (const [index, shard] of (shards as unknown[]).entries()) {
      const { file, sha256, ...counts } = fields(shard);
      const where = `splits.${split}[${index}]`;
      check(isFile(file) && isDigest(sha256), where, "a file's name and its sha256");
      check(isWhole(counts.tokens, 1, MAX_SPLIT_TOKENS), `${where}.tokens`, "a number of tokens");
      check(isWhole(counts.documents, 1, counts.tokens as number), `${where}.documents`, "at most as many as tokens");
      tokens += counts.tokens as number;
    }
    check(tokens <= MAX_SPLIT_TOKENS, `splits.${split}`, `at most ${MAX_SPLIT_TOKENS} tokens`);
  }
  return json as TokenManifest; // the parts that programs use are checked above; the corpus is for people
}

function fields(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {}; // any JSON object
}

function isWhole(value: unknown, least: number, most: number): boolean {
  return typeof value === "number" && Number.isInteger(value) && value >= least && value <= most;
}

function isDigest(value: unknown): boolean {
  return typeof value === "string" && /^sha256:[0-9a-f]{64}$/.test(value);
}

/** A plain name: nothing outside the folder. */
function isFile(value: unknown): boolean {
  return typeof value === "string" && /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(value);
}
