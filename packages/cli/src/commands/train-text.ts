// Texts that a user names on the command line, as token shards: files, folders and npm packages, a tokenizer trained on
// them or given. What is written is a folder that `openTokenShards` opens. Not here: the model.

import { stat } from "node:fs/promises";
import { EngramError } from "@engram-ts/core";
import {
  loadCorpus,
  npmTexts,
  openTokenizer,
  type TextSource,
  type TokenManifest,
  textFiles,
  textFolder,
  trainTokenizer,
  writeTokenShards,
} from "@engram-ts/train";
import { resolveTokenizer } from "../tokenizer-source.js";

/** What is to be read, and how it becomes tokens. */
export interface TrainTextOptions {
  /** Files, folders, or `npm:NAME`. */
  readonly texts: readonly string[];
  /** Endings of the files of folders that are read; default `.txt` and `.md`. */
  readonly extensions?: readonly string[];
  /** A tokenizer to use instead of training one. */
  readonly tokenizer?: string;
  /** Tokens of a tokenizer that is trained. */
  readonly vocabSize: number;
  /** Share of the documents that are held out. */
  readonly validation: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
  /** Told what is being done. */
  readonly report?: (note: string) => void;
}

/** Longer documents are cut, so that a part of a single book can be held out. */
const DOCUMENT_CHARACTERS = 8192;
/** A tokenizer is trained on some of the documents, where there are more characters than these. */
const TOKENIZER_CHARACTERS = 4_000_000;

/**
 * Writes token shards of texts into a folder.
 * @throws EngramError `invalid-argument` where nothing is named or no text is found; what reading and writing throw.
 */
export async function writeTrainText(folder: string, options: TrainTextOptions): Promise<TokenManifest> {
  const { texts, vocabSize, validation, seed, signal, report } = options;
  if (texts.length === 0) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "engram train",
      message: "no text is named; give files, folders, or npm:PACKAGE, as in engram train notes --out run",
    });
  }
  report?.(`reading ${texts.join(", ")}`);
  const sources = await Promise.all(texts.map((text) => textSource(text, options)));
  const corpus = await loadCorpus(sources, { maxDocumentLength: DOCUMENT_CHARACTERS, ...(signal && { signal }) });
  const documents = corpus.documents.map(({ text }) => text);
  report?.(`${corpus.manifest.documents} documents, ${(corpus.manifest.bytes / 1e6).toFixed(1)} MB; tokenizer`);
  const own = options.tokenizer === undefined;
  const tokenizer = openTokenizer(
    options.tokenizer === undefined
      ? trainTokenizer(someOf(documents), { vocabSize })
      : (await resolveTokenizer(options.tokenizer, process.cwd())).json,
  );
  report?.(`encoding with ${tokenizer.vocabSize} tokens`);
  return writeTokenShards(folder, corpus, tokenizer, {
    validation,
    seed,
    ...(own && { end: "<|endoftext|>" }),
    ...(signal && { signal }),
  });
}

async function textSource(text: string, { extensions }: TrainTextOptions): Promise<TextSource> {
  if (text.startsWith("npm:")) return npmTexts(text.slice(4));
  const found = await stat(text).catch(() => undefined);
  if (found?.isDirectory()) return textFolder(text, extensions === undefined ? {} : { extensions });
  return textFiles([text]); // which says what is wrong with it
}

/** Documents at even distances, so many as a tokenizer needs. */
function someOf(documents: readonly string[]): string[] {
  const characters = documents.reduce((sum, { length }) => sum + length, 0);
  const stride = Math.ceil(characters / TOKENIZER_CHARACTERS);
  return documents.filter((_, index) => index % stride === 0);
}
