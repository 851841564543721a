// The prepared corpora of a folder: token shards that share one tokenizer, one folder each, and `mixed`, which is all of
// them, made when it is asked for. Not here: how they are prepared (prepare/).

import { createHash } from "node:crypto";
import { join } from "node:path";
import { buildTokenMap, compressIds, type TokenMap } from "@engram-ts/core";
import { openTokenShards, type Tokenizer, type TokenShards, type TokenSplit } from "@engram-ts/train";
import type { ExperimentVocabulary } from "../experiment.js";
import type { CorpusShards } from "../text.js";

/** What each corpus is of. */
export const CORPORA = ["prose", "code", "factual"] as const;

/** One of {@link CORPORA}. */
export type PreparedCorpus = (typeof CORPORA)[number];

/** Corpora as cells name them. */
export interface ExperimentCorpora {
  readonly tokenizer: Tokenizer;
  readonly tokenMap: TokenMap;
  readonly vocabulary: ExperimentVocabulary;
  /** Opens a corpus once. @throws what {@link openTokenShards} throws; RangeError for another name. */
  open(name: string): Promise<CorpusShards>;
}

/** Opens a folder that `engram-bench experiment prepare` wrote. */
export async function experimentCorpora(folder: string): Promise<ExperimentCorpora> {
  const prose = await bothSplits(join(folder, "prose"));
  const { tokenizer } = prose.training;
  const tokenMap = buildTokenMap(tokenizer.vocabulary, { keys: true });
  const padId = compressIds(tokenMap, Uint32Array.of(0))[0] ?? 0;
  const opened = new Map<string, Promise<CorpusShards>>([["prose", Promise.resolve(prose)]]);
  const open = (name: string): Promise<CorpusShards> => {
    const found = opened.get(name);
    if (found !== undefined) return found;
    const made = name === "mixed" ? mixed() : bothSplits(join(folder, preparedName(name)), tokenizer);
    opened.set(name, made);
    return made;
  };
  const mixed = async (): Promise<CorpusShards> => {
    const all = await Promise.all(CORPORA.map(open));
    return { training: merged(all.map((one) => one.training)), heldOut: merged(all.map((one) => one.heldOut)) };
  };
  const { vocabSize } = tokenizer;
  return { tokenizer, tokenMap, vocabulary: { vocabSize, compressed: tokenMap.compressed, padId }, open };
}

function preparedName(name: string): PreparedCorpus {
  const found = CORPORA.find((one) => one === name);
  if (found === undefined) throw new RangeError(`there is no corpus ${name}; use ${CORPORA.join(", ")} or mixed`);
  return found;
}

async function bothSplits(folder: string, tokenizer?: Tokenizer): Promise<CorpusShards> {
  const open = (split: TokenSplit) => openTokenShards(folder, split, tokenizer);
  return { training: await open("training"), heldOut: await open("validation") };
}

/** Documents of all in turn, each as far along as the others, so that every part is mixed as the whole is. */
function merged(all: readonly TokenShards[]): TokenShards {
  const [first] = all;
  if (first === undefined) throw new RangeError("nothing to mix");
  const documents = all.flatMap(({ ids, documentStarts }) =>
    Array.from({ length: documentStarts.length - 1 }, (_, i) => {
      const [from = 0, to = 0] = documentStarts.subarray(i, i + 2);
      return { ids: ids.subarray(from, to), place: from / ids.length };
    }),
  );
  documents.sort((a, b) => a.place - b.place);
  const ids = new Uint32Array(all.reduce((sum, one) => sum + one.ids.length, 0));
  const documentStarts = new Uint32Array(documents.length + 1);
  let at = 0;
  for (const [i, document] of documents.entries()) {
    ids.set(document.ids, at);
    at += document.ids.length;
    documentStarts[i + 1] = at;
  }
  const digest = createHash("sha256");
  for (const one of all) digest.update(one.digest);
  return { ...first, digest: `sha256:${digest.digest("hex")}`, ids, documentStarts };
}
