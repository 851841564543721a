// Token shards: what is written is what is read, and every way in which files can be wrong is a typed error.
import {
  copyFileSync,
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import {
  loadCorpus,
  memoryTexts,
  openTokenizer,
  openTokenShards,
  reduceTokenizer,
  type TokenManifest,
  trainTokenizer,
  writeTokenShards,
} from "@engram-ts/train";
import { describe, expect, it } from "vitest";
import { shardsOf, temporaryFolder, texts, tokenizer } from "./text-tokens.js";

const root = temporaryFolder();
const written = await shardsOf(root, 50, { begin: "<|endoftext|>", end: "<|endoftext|>" });

describe("token shards", () => {
  it("hold each document's tokens, in order, between the tokens put around them", () => {
    const { ids, documentStarts } = written.shards;
    expect(documentStarts).toHaveLength(51);
    for (const [document, text] of written.texts.entries()) {
      const found = ids.subarray(documentStarts[document], documentStarts[document + 1]);
      expect([...found]).toEqual([0, ...tokenizer.encode(text), 0]);
    }
    expect(written.shards.manifest.splits.training.length).toBeGreaterThan(3);
  });

  it("are the same bytes when written again", async () => {
    const again = await shardsOf(root, 50, { begin: "<|endoftext|>", end: "<|endoftext|>" });
    for (const file of readdirSync(written.folder)) {
      expect(readFileSync(join(again.folder, file)).equals(readFileSync(join(written.folder, file))), file).toBe(true);
    }
    expect(again.shards.digest).toBe(written.shards.digest);
  });

  it("keep two bytes an id up to 65,536 ids, four beyond", async () => {
    const model = tokenizer.json as { model: { vocab: Record<string, number> } };
    const large = openTokenizer({
      ...tokenizer.json,
      model: { ...model.model, vocab: { ...model.model.vocab, "the last": 65_536 } },
    });
    const corpus = await loadCorpus([memoryTexts("memory", texts(10, 20))]);
    const folder = join(root, "large");
    expect((await writeTokenShards(folder, corpus, large, { validation: 0 })).idBytes).toBe(4);
    const { ids } = await openTokenShards(folder, "training", large);
    expect(ids).toBeInstanceOf(Uint32Array);
    expect(large.decode(ids)).toBe(texts(10, 20).join(""));
    expect(written.shards.ids).toBeInstanceOf(Uint16Array);
  });

  it("bring the tokenizer and the corpus's manifest with them", () => {
    expect(written.shards.tokenizer.digest).toBe(tokenizer.digest);
    expect(written.shards.manifest.corpus.documents).toBe(50);
    expect(written.shards.manifest.corpus.bytes).toBe(Buffer.byteLength(written.texts.join("")));
  });

  it("are split into training and validation, each document on one side", async () => {
    const { folder } = await shardsOf(root, 50, { validation: 0.2, seed: 4 });
    const parts = await Promise.all(
      (["training", "validation"] as const).map((split) => openTokenShards(folder, split)),
    );
    const found = parts.flatMap(({ ids, documentStarts }) =>
      Array.from({ length: documentStarts.length - 1 }, (_, document) =>
        tokenizer.decode(ids.subarray(documentStarts[document], documentStarts[document + 1])),
      ),
    );
    expect(found.sort()).toEqual(texts(50, 40).sort());
    const [training, validation] = parts.map(({ ids }) => ids.length);
    expect((validation ?? 0) / ((training ?? 0) + (validation ?? 0))).toBeGreaterThan(0.15);
  });

  it("tell how far they are", async () => {
    const done: number[] = [];
    await shardsOf(root, 20, { onProgress: ({ documents }) => done.push(documents) });
    expect(done.at(-1)).toBe(20);
    expect(done).toEqual([...done].sort((a, b) => a - b));
  });
});

describe("writeTokenShards", () => {
  it.each([
    ["a token that is none", { end: "<|none|>" }, "invalid-argument"],
    ["shards of no tokens", { shardTokens: 0 }, "invalid-argument"],
    ["a split above one half", { validation: 0.6 }, "invalid-argument"],
    ["a signal that is aborted", { signal: AbortSignal.abort() }, "aborted"],
  ])("refuses %s", async (_, options, code) => {
    await expect(shardsOf(root, 5, options)).rejects.toMatchObject({ code });
  });

  it("refuses to split one document", async () => {
    await expect(shardsOf(root, 1, { validation: 0.1 })).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("refuses a folder that is finished, and writes over one that is not", async () => {
    const folder = copyOf(written.folder);
    const corpus = await loadCorpus([memoryTexts("memory", texts(5, 20))]);
    await expect(writeTokenShards(folder, corpus, tokenizer)).rejects.toMatchObject({ code: "invalid-argument" });
    rmSync(join(folder, "tokens.json"));
    await writeTokenShards(folder, corpus, tokenizer, { validation: 0 });
    expect((await openTokenShards(folder, "training")).documentStarts).toHaveLength(6);
  });
});

describe("openTokenShards", () => {
  const first = "training-00000.bin";

  it("refuses shards of another tokenizer than the model's", async () => {
    const other = openTokenizer(trainTokenizer(["another text"], { vocabSize: 258 }));
    await expect(openTokenShards(written.folder, "training", other)).rejects.toMatchObject({ code: "digest-mismatch" });
    await expect(openTokenShards(written.folder, "training", tokenizer)).resolves.toBeDefined();
  });

  it("refuses a tokenizer.json that is not the one they were made with", async () => {
    const folder = copyOf(written.folder);
    const { json } = reduceTokenizer(tokenizer, ["a"], { vocabSize: 256 });
    writeFileSync(join(folder, "tokenizer.json"), JSON.stringify(json));
    await expect(openTokenShards(folder, "training")).rejects.toMatchObject({ code: "digest-mismatch" });
  });

  it("refuses a split without documents", async () => {
    await expect(openTokenShards(written.folder, "validation")).rejects.toMatchObject({ code: "invalid-argument" });
  });

  it("refuses a folder without a manifest", async () => {
    await expect(openTokenShards(join(root, "nowhere"), "training")).rejects.toMatchObject({ code: "not-found" });
  });

  it.each([0, 1, 150, -1])("refuses a shard cut to %i bytes", async (length) => {
    const folder = copyOf(written.folder);
    const path = join(folder, first);
    truncateSync(path, length < 0 ? readFileSync(path).length + length : length);
    await expect(openTokenShards(folder, "training")).rejects.toMatchObject({ code: "truncated" });
  });

  it("refuses a shard that is gone, and one that stands in another's place", async () => {
    const folder = copyOf(written.folder);
    rmSync(join(folder, first));
    await expect(openTokenShards(folder, "training")).rejects.toMatchObject({ code: "not-found" });
    copyFileSync(join(written.folder, "training-00001.bin"), join(folder, first));
    await expect(openTokenShards(folder, "training")).rejects.toMatchObject({
      code: expect.stringMatching(/^(truncated|digest-mismatch)$/),
    });
  });

  it("refuses a changed byte anywhere in a shard", async () => {
    const folder = copyOf(written.folder);
    const path = join(folder, first);
    const bytes = readFileSync(path);
    for (const at of [0, bytes.length >> 1, bytes.length - 1]) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ 1;
      writeFileSync(path, changed);
      await expect(openTokenShards(folder, "training")).rejects.toMatchObject({ code: "digest-mismatch" });
    }
  });

  it.each<[string, (manifest: Record<string, unknown>) => void]>([
    ["format", (manifest) => Object.assign(manifest, { format: "other" })],
    ["version", (manifest) => Object.assign(manifest, { version: 2 })],
    ["idBytes", (manifest) => Object.assign(manifest, { idBytes: 4 })],
    ["end", (manifest) => Object.assign(manifest, { end: 1e9 })],
    ["tokenizer", (manifest) => Object.assign(manifest, { tokenizer: null })],
    ["splits", (manifest) => Object.assign(manifest, { splits: {} })],
    ["file", (manifest) => Object.assign(shardOf(manifest), { file: "../x.bin" })],
    ["tokens", (manifest) => Object.assign(shardOf(manifest), { tokens: 2 ** 40 })],
    ["documents", (manifest) => Object.assign(shardOf(manifest), { documents: 1.5 })],
    ["sha256", (manifest) => Object.assign(shardOf(manifest), { sha256: "x" })],
  ])("refuses a manifest with another %s", async (_, change) => {
    const folder = copyOf(written.folder);
    const path = join(folder, "tokens.json");
    const manifest = JSON.parse(readFileSync(path, "utf8"));
    change(manifest);
    writeFileSync(path, JSON.stringify(manifest));
    await expect(openTokenShards(folder, "training")).rejects.toMatchObject({ code: "invalid-manifest" });
  });

  it.each(["", "{", "null", "[1]"])("refuses %j as a manifest", async (content) => {
    const folder = copyOf(written.folder);
    writeFileSync(join(folder, "tokens.json"), content);
    await expect(openTokenShards(folder, "training")).rejects.toMatchObject({ code: "invalid-manifest" });
  });
});

function shardOf(manifest: Record<string, unknown>): object {
  const [shard] = (manifest as unknown as TokenManifest).splits.training;
  return shard ?? {};
}

function copyOf(folder: string): string {
  const copy = mkdtempSync(join(root, "copy-"));
  cpSync(folder, copy, { recursive: true });
  return copy;
}
