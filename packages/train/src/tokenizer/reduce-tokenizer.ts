// A smaller tokenizer out of a published one: the tokens that a corpus uses most, with all they are merged from, and the
// 256 bytes, so that every text still encodes. What it writes is a standard tokenizer.json: same pre-tokenizer, ids numbered
// anew in their old order, and of the merges those between kept tokens, in their old order.
//
// Where each token has one merge, as in published byte-level vocabularies, this holds: a piece of text whose old tokens are
// all kept has the same tokens, renumbered. (Every merge that made them is kept, so at each step the merge of lowest rank
// is the same.) Other pieces have shorter tokens in place of the dropped ones.

import { EngramError, MAX_TOKENIZER_IDS } from "@engram-ts/core";
import { byteAlphabet } from "./byte-alphabet.js";
import type { Tokenizer } from "./tokenizer.js";
import type { TokenizerJson } from "./train-tokenizer.js";

/** Options of {@link reduceTokenizer}. */
export interface ReduceTokenizerOptions {
  /** Most ids to keep. At least 256 and the added tokens. */
  readonly vocabSize: number;
  /** Added tokens to keep, by their text; others are plain text to the new tokenizer. Default none. */
  readonly addedTokens?: readonly string[];
}

/** A smaller tokenizer, and how its ids relate to the old ones. */
export interface ReducedTokenizer {
  /** The content of its tokenizer.json. */
  readonly json: TokenizerJson;
  /** The old id of each new id, [new ids]; rising. */
  readonly oldIds: Uint32Array;
  /** The new id of each old id, [old ids]; -1 where it was dropped. */
  readonly newIds: Int32Array;
}

const operation = "reduceTokenizer";

/**
 * Keeps the tokens that occur most often in texts.
 * Taken in the order of their counts, the smaller id first among equals; one that no longer fits with what it is merged
 * from is passed over for the next. Tokens that do not occur are not kept for their own sake.
 * @throws EngramError `unsupported` where the tokenizer is no byte-level BPE, `invalid-argument` where an option is out
 * of range.
 * @example
 * const { json } = reduceTokenizer(openTokenizer(deepseek), texts, { vocabSize: 8192 });
 */
export function reduceTokenizer(
  tokenizer: Tokenizer,
  texts: Iterable<string>,
  { vocabSize, addedTokens = [] }: ReduceTokenizerOptions,
): ReducedTokenizer {
  const { model, merges, idOfToken, partsOf } = readModel(tokenizer);
  const kept = new Set<number>();
  for (const unit of byteAlphabet()) kept.add(idOfToken.get(unit) ?? 0);
  for (const content of addedTokens) kept.add(addedId(tokenizer, content));
  if (!Number.isSafeInteger(vocabSize) || vocabSize < kept.size || vocabSize > MAX_TOKENIZER_IDS) {
    throw refuse(
      `vocabSize is ${String(vocabSize)}; use a whole number from ${kept.size}, the bytes and the added tokens, to ${MAX_TOKENIZER_IDS}`,
    );
  }
  const counts = new Float64Array(tokenizer.vocabSize);
  for (const text of texts) for (const id of tokenizer.encode(text)) counts[id] = (counts[id] ?? 0) + 1;
  const byCount = Array.from(counts.keys()).filter(
    (id) => (counts[id] ?? 0) > 0 && !tokenizer.vocabulary.added.has(id),
  );
  byCount.sort((a, b) => (counts[b] ?? 0) - (counts[a] ?? 0) || a - b);
  for (const id of byCount) {
    if (kept.size >= vocabSize) break;
    const needed = new Set<number>();
    collectParts(id, partsOf, kept, needed);
    if (kept.size + needed.size <= vocabSize) for (const part of needed) kept.add(part);
  }
  const oldIds = Uint32Array.from(kept).sort();
  const newIds = new Int32Array(tokenizer.vocabSize).fill(-1);
  for (const [id, old] of oldIds.entries()) newIds[old] = id;
  const isKept = (token: string): boolean => kept.has(idOfToken.get(token) ?? -1);
  const json = {
    ...tokenizer.json,
    truncation: null,
    padding: null,
    post_processor: null, // templates name old ids; none is needed to encode documents
    added_tokens: addedEntries(tokenizer.json, kept, newIds, tokenizer),
    model: {
      ...model,
      vocab: Object.fromEntries(Array.from(oldIds, (old, id) => [tokenizer.vocabulary.tokens[old], id])),
      merges: merges.filter(([left, right]) => isKept(left) && isKept(right) && isKept(left + right)),
    },
  };
  return { json, oldIds, newIds };
}

type Merge = readonly [left: string, right: string];

/** The model's parts, checked to be those of a byte-level BPE. */
function readModel({ json, vocabulary }: Tokenizer): {
  model: Record<string, unknown>;
  merges: readonly Merge[];
  idOfToken: ReadonlyMap<string, number>;
  partsOf: ReadonlyMap<number, readonly [number, number]>;
} {
  const { model } = json as { model: Record<string, unknown> }; // an object: parseTokenizerJson has read it
  const idOfToken = new Map<string, number>();
  for (const [id, token] of vocabulary.tokens.entries()) if (token !== undefined) idOfToken.set(token, id);
  const entries: readonly unknown[] = Array.isArray(model.merges) ? model.merges : [];
  const merges = entries.map((merge) => (typeof merge === "string" ? merge.split(" ") : merge) as unknown as Merge);
  const partsOf = new Map<number, readonly [number, number]>();
  let known = entries.length > 0 && byteAlphabet().every((unit) => idOfToken.has(unit));
  for (const [left, right] of merges) {
    const [a, b, id] = [idOfToken.get(left), idOfToken.get(right), idOfToken.get(left + right)];
    if (a === undefined || b === undefined || id === undefined) known = false;
    else if (!partsOf.has(id)) partsOf.set(id, [a, b]);
  }
  if (known) return { model, merges, idOfToken, partsOf };
  throw new EngramError({
    code: "unsupported",
    operation,
    message: "this tokenizer is no byte-level BPE with a token for each byte; reduce one that is, or train a new one",
  });
}

/** Adds a token and all it is merged from, as far as not kept yet. */
function collectParts(
  id: number,
  partsOf: ReadonlyMap<number, readonly [number, number]>,
  kept: ReadonlySet<number>,
  needed: Set<number>,
): void {
  if (kept.has(id) || needed.has(id)) return;
  needed.add(id);
  for (const part of partsOf.get(id) ?? []) collectParts(part, partsOf, kept, needed);
}

function addedId({ vocabulary }: Tokenizer, content: string): number {
  for (const [id, added] of vocabulary.added) if (added.content === content) return id;
  throw refuse(`addedTokens names ${JSON.stringify(content)}, which is no added token of this tokenizer`);
}

function addedEntries(
  json: object,
  kept: ReadonlySet<number>,
  newIds: Int32Array,
  { vocabulary }: Tokenizer,
): object[] {
  const idOf = new Map(Array.from(vocabulary.added, ([id, { content }]) => [content, id]));
  const { added_tokens: entries } = json as { added_tokens?: { content: string }[] | null }; // read by parseTokenizerJson
  return (entries ?? []).flatMap((entry) => {
    const old = idOf.get(entry.content) ?? -1;
    return kept.has(old) ? [{ ...entry, id: newIds[old] }] : [];
  });
}

function refuse(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
