// A small corpus of made-up words with a tokenizer of its own, for tasks of recall.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  loadCorpus,
  memoryTexts,
  openTokenizer,
  openTokenShards,
  trainTokenizer,
  writeTokenShards,
} from "@engram-ts/train";
import { afterAll } from "vitest";
import type { CorpusShards } from "../../../src/experiments/text.js";
import { seeded } from "../../../src/statistics/seeded.js";

/** Both splits, in a folder that is removed when the file's tests are done. */
export async function wordShards(): Promise<CorpusShards> {
  const random = seeded(5);
  const letters = "abcdefghiklmnoprstu";
  const letter = () => letters[Math.floor(random() * letters.length)] ?? "a";
  const words = Array.from({ length: 80 }, () => Array.from({ length: 3 + Math.floor(random() * 5) }, letter).join(""));
  const texts = Array.from({ length: 40 }, () =>
    Array.from({ length: 60 }, () => words[Math.floor(random() * words.length)]).join(" "),
  );
  const folder = mkdtempSync(join(tmpdir(), "engram-recall-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const tokenizer = openTokenizer(trainTokenizer(texts, { vocabSize: 560 }));
  await writeTokenShards(folder, await loadCorpus([memoryTexts("words", texts)]), tokenizer, { validation: 0.2 });
  return {
    training: await openTokenShards(folder, "training"),
    heldOut: await openTokenShards(folder, "validation"),
  };
}
