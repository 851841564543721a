// Writes a corpus as tokens: tokenizer.json, shard files, and last the manifest. A shard is its ids (little-endian, 2 or 4
// bytes each), zeros up to a multiple of 4, then where each of its documents begins and the last one ends (u32 tokens).
// The same corpus, tokenizer and options write the same bytes.

import { createHash } from "node:crypto";
import { mkdir, rename, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { EngramError } from "@engram-ts/core";
import type { Tokenizer } from "../tokenizer/tokenizer.js";
import type { Corpus, CorpusDocument } from "./corpus.js";
import { splitDocuments } from "./document-split.js";
import { fileError } from "./file-error.js";
import {
  MANIFEST_FILE,
  MAX_SPLIT_TOKENS,
  type TokenManifest,
  type TokenShard,
  type TokenSplit,
} from "./token-manifest.js";

/** Options of {@link writeTokenShards}. */
export interface WriteTokenShardsOptions {
  /** The part of the text set aside for validation, 0 to 0.5. Default 0.05. */
  readonly validation?: number;
  /** Which documents that are. Default 0. */
  readonly seed?: number;
  /** A token put before each document, by its text. Default none. */
  readonly begin?: string;
  /** A token put after each document, by its text. Default none. */
  readonly end?: string;
  /** A shard ends with the document that reaches this many tokens. Default 2^24. */
  readonly shardTokens?: number;
  readonly signal?: AbortSignal;
  /** Told after each bit of work, of all documents of both splits. */
  onProgress?(done: { readonly documents: number; readonly ofDocuments: number; readonly tokens: number }): void;
}

const operation = "writeTokenShards";

/** Characters between two looks at the signal. */
const STRIDE = 2 ** 20;

/**
 * Splits a corpus, encodes it and writes it to a folder that holds no tokens yet. What an interrupted run left there is
 * written over.
 * @throws EngramError `invalid-argument` where options do not fit or the folder is finished already; `aborted`,
 * `out-of-space`, `permission-denied`, `io`.
 * @example
 * await writeTokenShards("tokens", await loadCorpus([textFolder("notes")]), tokenizer, { end: "<|endoftext|>" });
 */
export async function writeTokenShards(
  folder: string,
  corpus: Corpus,
  tokenizer: Tokenizer,
  options: WriteTokenShardsOptions = {},
): Promise<TokenManifest> {
  const { validation = 0.05, seed = 0, shardTokens = 2 ** 24, begin, end, signal, onProgress } = options;
  if (!Number.isSafeInteger(shardTokens) || shardTokens < 1 || shardTokens > MAX_SPLIT_TOKENS) {
    throw refuse(`shardTokens is ${String(shardTokens)}; use a whole number from 1 to ${MAX_SPLIT_TOKENS}`);
  }
  const documents = splitDocuments(corpus.documents, validation, seed);
  const around = { begin: idOf(tokenizer, begin, "begin"), end: idOf(tokenizer, end, "end") };
  const idBytes = tokenizer.vocabSize <= 2 ** 16 ? 2 : 4;
  await prepareFolder(folder);
  const done = { documents: 0, tokens: 0, ofDocuments: corpus.documents.length };
  const writeSplit = async (split: TokenSplit): Promise<TokenShard[]> => {
    const shards: TokenShard[] = [];
    for await (const shard of encodeShards(documents[split], tokenizer, around, { shardTokens, signal })) {
      const file = `${split}-${String(shards.length).padStart(5, "0")}.bin`;
      const bytes = shardBytes(shard, idBytes);
      await writeWhole(join(folder, file), bytes);
      shards.push({ file, tokens: shard.tokens, documents: shard.documents.length, sha256: digestOf(bytes) });
      done.documents += shard.documents.length;
      done.tokens += shard.tokens;
      onProgress?.({ ...done });
    }
    return shards;
  };
  const splits = { training: await writeSplit("training"), validation: await writeSplit("validation") };
  const tokenizerFile = "tokenizer.json";
  await writeWhole(join(folder, tokenizerFile), JSON.stringify(tokenizer.json));
  const manifest: TokenManifest = {
    format: "engram-ts tokens",
    version: 1,
    tokenizer: { file: tokenizerFile, digest: tokenizer.digest, vocabSize: tokenizer.vocabSize },
    idBytes,
    ...around,
    split: { validation, seed },
    splits,
    corpus: corpus.manifest,
  };
  await writeWhole(join(folder, MANIFEST_FILE), `${JSON.stringify(manifest, null, 1)}\n`);
  return manifest;
}

/** Documents of one shard, encoded. */
interface EncodedShard {
  readonly documents: Uint32Array[];
  tokens: number;
}

async function* encodeShards(
  documents: readonly CorpusDocument[],
  tokenizer: Tokenizer,
  around: Pick<TokenManifest, "begin" | "end">,
  { shardTokens, signal }: { shardTokens: number; signal: AbortSignal | undefined },
): AsyncGenerator<EncodedShard> {
  let shard: EncodedShard = { documents: [], tokens: 0 };
  let [characters, tokens] = [0, 0];
  for (const { name, text } of documents) {
    if (signal?.aborted === true) {
      throw new EngramError({ code: "aborted", operation, message: "stopped on request", cause: signal.reason });
    }
    characters += text.length;
    if (characters >= STRIDE) {
      characters = 0;
      await setImmediate(); // lets signals and timers in
    }
    const ids = tokenizer.encode(text);
    const { begin, end } = around;
    const document = Uint32Array.from([...(begin === null ? [] : [begin]), ...ids, ...(end === null ? [] : [end])]);
    if (document.length === 0) continue; // a normalizer may leave nothing of a text
    tokens += document.length;
    if (tokens > MAX_SPLIT_TOKENS) {
      throw refuse(`with ${name} there are more than ${MAX_SPLIT_TOKENS} tokens of one use; write several folders`);
    }
    shard.documents.push(document);
    shard.tokens += document.length;
    if (shard.tokens >= shardTokens) {
      yield shard;
      shard = { documents: [], tokens: 0 };
    }
  }
  if (shard.tokens > 0) yield shard;
}

function shardBytes({ documents, tokens }: EncodedShard, idBytes: 2 | 4): Buffer {
  const idsEnd = Math.ceil((tokens * idBytes) / 4) * 4;
  const bytes = Buffer.alloc(idsEnd + (documents.length + 1) * 4);
  let at = 0;
  for (const [index, document] of documents.entries()) {
    bytes.writeUInt32LE(at, idsEnd + index * 4);
    for (const id of document) {
      if (idBytes === 2) bytes.writeUInt16LE(id, at * 2);
      else bytes.writeUInt32LE(id, at * 4);
      at++;
    }
  }
  bytes.writeUInt32LE(at, idsEnd + documents.length * 4);
  return bytes;
}

function idOf(tokenizer: Tokenizer, token: string | undefined, option: string): number | null {
  if (token === undefined) return null;
  const ids = tokenizer.encode(token);
  if (ids.length === 1 && ids[0] !== undefined) return ids[0];
  throw refuse(`${option} is ${JSON.stringify(token)}, which is ${ids.length} tokens; name one of the tokenizer's`);
}

async function prepareFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    const finished = await stat(join(folder, MANIFEST_FILE)).catch(() => undefined);
    if (finished === undefined) return;
  } catch (cause) {
    throw fileError(cause, folder, operation);
  }
  throw refuse(`${join(folder, MANIFEST_FILE)} is there already; open the folder, remove it, or name another`);
}

/** Writes beside the target and renames, so that a reader never sees half a file. */
async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  try {
    await writeFile(`${path}.partial`, content, { flush: true });
    await rename(`${path}.partial`, path);
  } catch (cause) {
    throw fileError(cause, path, operation);
  }
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function refuse(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
