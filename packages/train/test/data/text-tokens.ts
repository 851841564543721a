// Texts, tokenizers and token shards for tests of data: small, seeded, in a folder of their own that is removed after.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  loadCorpus,
  memoryTexts,
  openTokenizer,
  openTokenShards,
  type TokenShards,
  trainTokenizer,
  type WriteTokenShardsOptions,
  writeTokenShards,
} from "@engram-ts/train";
import { afterAll } from "vitest";

const WORDS = "the river of memory runs past a table, and 42 words don't end — they é 中文 begin again\n".split(
  /(?<= )/,
);

/** A temporary folder, removed when the file's tests are done. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "engram-train-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** `count` different texts of up to `words` words. */
export function texts(count: number, words: number): string[] {
  let state = 7;
  const draw = (limit: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % limit;
  };
  return Array.from({ length: count }, (_, index) => {
    const chosen = Array.from({ length: draw(words) }, () => WORDS[draw(WORDS.length)]);
    return `${index}: ${chosen.join("")}`;
  });
}

/** A tokenizer trained on such texts. */
export const tokenizer = openTokenizer(trainTokenizer(texts(30, 30), { vocabSize: 320 }));

/** Shards of `count` texts in a new folder below `root`. */
export async function shardsOf(
  root: string,
  count: number,
  options: WriteTokenShardsOptions = {},
): Promise<{ folder: string; shards: TokenShards; texts: string[] }> {
  const folder = mkdtempSync(join(root, "shards-"));
  const documents = texts(count, 40);
  const corpus = await loadCorpus([memoryTexts("memory", documents)]);
  await writeTokenShards(folder, corpus, tokenizer, { validation: 0, shardTokens: 150, ...options });
  return { folder, shards: await openTokenShards(folder, "training"), texts: documents };
}
