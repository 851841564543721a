// Opens tokenised text: one split of a folder of token shards, checked and in memory (2 or 4 bytes a token). Not here: the
// order in which it is read (token-source.ts), how it is written (token-shards-write.ts).
// Nothing of a shard is used before its length, its digest, its documents and its ids were found to be as stated.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { EngramError } from "@engram-ts/core";
import { openTokenizer, type Tokenizer } from "../tokenizer/tokenizer.js";
import { fileError } from "./file-error.js";
import {
  MANIFEST_FILE,
  parseTokenManifest,
  type TokenManifest,
  type TokenShard,
  type TokenSplit,
} from "./token-manifest.js";

/** Documents as tokens, laid end to end. */
export interface TokenShards {
  readonly manifest: TokenManifest;
  readonly split: TokenSplit;
  /** The identity of these tokens: over the shards' digests. */
  readonly digest: string;
  /** The tokenizer that made them. */
  readonly tokenizer: Tokenizer;
  /** All ids, [tokens]. */
  readonly ids: Uint16Array | Uint32Array;
  /** Where documents begin, and at the end the number of tokens, [documents + 1]. */
  readonly documentStarts: Uint32Array;
}

const operation = "openTokenShards";

/**
 * Opens one split.
 * @param expected the tokenizer that the model was made for, where known: its digest must be that of the shards.
 * @throws EngramError `not-found`; `invalid-manifest`; `truncated` or `digest-mismatch` naming a shard that is not what
 * was written, or where the shards are of another tokenizer; `invalid-argument` where the split is empty;
 * `permission-denied`, `io`.
 * @example
 * const shards = await openTokenShards("tokens", "training");
 */
export async function openTokenShards(
  folder: string,
  split: TokenSplit,
  expected?: Pick<Tokenizer, "digest">,
): Promise<TokenShards> {
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1) {
    throw new EngramError({
      code: "unsupported",
      operation,
      message: "shards are read on little-endian machines only",
    });
  }
  const path = join(folder, MANIFEST_FILE);
  const manifest = parseTokenManifest(await readJson(path), path);
  const shards = manifest.splits[split];
  const tokenizer = await readTokenizer(folder, manifest, expected);
  const tokens = shards.reduce((sum, shard) => sum + shard.tokens, 0);
  const documents = shards.reduce((sum, shard) => sum + shard.documents, 0);
  if (tokens === 0) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `${path} has no ${split} documents; write the shards again with some of the text for ${split}`,
      context: { path, split },
    });
  }
  const ids = manifest.idBytes === 2 ? new Uint16Array(tokens) : new Uint32Array(tokens);
  const documentStarts = new Uint32Array(documents + 1);
  let [token, document] = [0, 0];
  for (const shard of shards) {
    const { shardIds, starts } = await readShard(join(folder, shard.file), shard, manifest);
    ids.set(shardIds, token);
    for (let index = 0; index <= shard.documents; index++)
      documentStarts[document + index] = token + (starts[index] ?? 0);
    token += shard.tokens;
    document += shard.documents;
  }
  const digest = createHash("sha256");
  for (const { sha256 } of shards) digest.update(sha256);
  return { manifest, split, digest: `sha256:${digest.digest("hex")}`, tokenizer, ids, documentStarts };
}

async function readTokenizer(
  folder: string,
  { tokenizer: { file, digest } }: TokenManifest,
  expected: Pick<Tokenizer, "digest"> | undefined,
): Promise<Tokenizer> {
  if (expected !== undefined && expected.digest !== digest) {
    throw mismatch(
      `the shards in ${folder} were made with another tokenizer (${digest}) than the one given (${expected.digest}); ` +
        `take ${join(folder, file)}, or make shards with the one given`,
    );
  }
  const path = join(folder, file);
  const tokenizer = openTokenizer(await readJson(path));
  if (tokenizer.digest === digest) return tokenizer;
  throw mismatch(
    `${path} is not the tokenizer that the shards were made with: expected ${digest}, found ${tokenizer.digest}; restore it or make the shards again`,
  );
}

async function readShard(
  path: string,
  { tokens, documents, sha256 }: TokenShard,
  { idBytes, tokenizer }: TokenManifest,
): Promise<{ shardIds: Uint16Array | Uint32Array; starts: Uint32Array }> {
  const bytes = await read(path);
  const idsEnd = Math.ceil((tokens * idBytes) / 4) * 4;
  const size = idsEnd + (documents + 1) * 4;
  if (bytes.length !== size) {
    throw new EngramError({
      code: "truncated",
      operation,
      message: `${path}: expected ${size} bytes, found ${bytes.length}; copy the file again, or make the shards again from the corpus`,
      context: { path, expected: size, found: bytes.length },
    });
  }
  const found = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  if (found !== sha256) {
    throw mismatch(`${path}: expected ${sha256}, found ${found}; copy the file again, or make the shards again`);
  }
  const starts = new Uint32Array(bytes.buffer, bytes.byteOffset + idsEnd, documents + 1);
  const shardIds =
    idBytes === 2
      ? new Uint16Array(bytes.buffer, bytes.byteOffset, tokens)
      : new Uint32Array(bytes.buffer, bytes.byteOffset, tokens);
  // The digest vouches for the bytes, not for whoever wrote them.
  const rises = starts.every((start, index) => (index === 0 ? start === 0 : start > (starts[index - 1] ?? 0)));
  let highest = 0;
  for (const id of shardIds) if (id > highest) highest = id;
  if (rises && starts[documents] === tokens && highest < tokenizer.vocabSize) return { shardIds, starts };
  throw new EngramError({
    code: "invalid-manifest",
    operation,
    message: `${path}: expected ids below ${tokenizer.vocabSize} and documents that rise from 0 to ${tokens}, found an id ${highest} or documents that do not; make the shards again`,
    context: { path, highest },
  });
}

async function readJson(path: string): Promise<unknown> {
  const bytes = await read(path);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new EngramError({
      code: "invalid-manifest",
      operation,
      message: `${path} is not JSON in UTF-8; make the shards again from the corpus`,
      context: { path },
      cause,
    });
  }
}

/** A file's bytes at an offset of a buffer that typed arrays can view. */
async function read(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (cause) {
    throw fileError(cause, path, operation);
  }
}

function mismatch(message: string): EngramError {
  return new EngramError({ code: "digest-mismatch", operation, message });
}
