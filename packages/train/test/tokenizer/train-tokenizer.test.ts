// Training and encoding against Hugging Face tokenizers. Fixtures: tools/oracles/byte-pair-encoding.py.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { buildTokenMap, parseTokenizerJson } from "@engram-ts/core";
import { loadCorpus, npmTexts, openTokenizer, trainTokenizer } from "@engram-ts/train";
import { describe, expect, it } from "vitest";

interface Model {
  readonly vocab: Readonly<Record<string, number>>;
  readonly merges: readonly (readonly string[])[];
}

interface GoldenCase extends Model {
  readonly name: string;
  readonly texts: readonly string[];
  readonly vocabSize: number;
  readonly minFrequency: number;
  readonly specialTokens: readonly string[];
  readonly encoded: readonly { readonly text: string; readonly ids: readonly number[] }[];
}

const small = fixture(
  "byte-pair-encoding.json",
  "27f43784b26e20524f7d02c7a4ce0e8bf8f851c2dddd0a858ad81f9f4346173a",
) as { cases: readonly GoldenCase[] };
const factbook = fixture(
  "byte-pair-encoding-factbook.json",
  "00a32b141160fe81cc9ba2978143808ffba2911407c04d2f2bdf860efc7dc745",
) as Readonly<Record<string, number | string>>;

describe.each(small.cases)("trained on $name", ({ texts, vocab, merges, encoded, ...options }) => {
  const json = trainTokenizer(texts, options);
  const model = json.model as Model;
  const tokenizer = openTokenizer(json);

  it("has the vocabulary and the merges of the reference", () => {
    expect(model.merges.map((merge) => merge.join(" "))).toEqual(merges.map((merge) => merge.join(" ")));
    expect(model.vocab).toEqual(vocab);
  });

  it("encodes, decodes and counts bytes as the reference does", () => {
    const special = options.specialTokens.includes("<|endoftext|>");
    for (const { text, ids } of encoded) {
      const plain = special ? text.replaceAll("<|endoftext|>", "") : text;
      expect([...tokenizer.encode(text)], text).toEqual(ids);
      expect(tokenizer.decode(ids)).toBe(plain);
      expect(ids.reduce((sum, id) => sum + (tokenizer.byteLengths[id] ?? Number.NaN), 0)).toBe(
        Buffer.byteLength(plain),
      );
    }
  });

  it("has a token map", () => {
    const map = buildTokenMap(parseTokenizerJson(json));
    expect(map.tokens).toBe(tokenizer.vocabSize);
    expect(map.compressed).toBeLessThanOrEqual(map.tokens);
  });
});

describe("trained on the World Factbook", async () => {
  const { documents } = await loadCorpus([npmTexts("factbook.json")], { maxDocumentLength: Number.POSITIVE_INFINITY });
  const texts = documents.map(({ text }) => text);
  const json = trainTokenizer(texts, { vocabSize: 8192 });

  it("reads the documents that the golden was made from", () => {
    expect([texts.length, digest(texts.join("\0"))]).toEqual([factbook.documents, factbook.texts]);
  });

  it("has the vocabulary and the merges of the reference", () => {
    const { vocab, merges } = json.model as Model;
    const tokens = Object.entries(vocab).sort(([, a], [, b]) => a - b);
    expect([tokens.length, digest(tokens.map(([token]) => token).join("\n"))]).toEqual([
      factbook.vocabSize,
      factbook.vocab,
    ]);
    expect([merges.length, digest(merges.map((merge) => merge.join(" ")).join("\n"))]).toEqual([
      factbook.mergeCount,
      factbook.merges,
    ]);
  });

  it("encodes as the reference does", () => {
    const tokenizer = openTokenizer(JSON.stringify(json));
    const ids = texts.slice(0, Number(factbook.encodedDocuments)).flatMap((text) => [...tokenizer.encode(text)]);
    expect([ids.length, digest(ids.join(","))]).toEqual([factbook.idCount, factbook.ids]);
  });

  it("compresses as core's token map says: case and leading spaces fall together", () => {
    const tokenizer = openTokenizer(json);
    const map = buildTokenMap(tokenizer.vocabulary);
    const [the, The] = [" the", " The"].map((text) => tokenizer.encode(text)[0] ?? -1);
    expect(map.ids[the ?? -1]).toBe(map.ids[The ?? -1]);
    expect(map.compressed).toBeLessThan(map.tokens * 0.85);
  });
});

describe("trainTokenizer refuses", () => {
  it.each([
    ["no texts", [], { vocabSize: 300 }],
    ["empty texts", ["", ""], { vocabSize: 300 }],
    ["a vocabulary without room for bytes and special tokens", ["a"], { vocabSize: 256 }],
    ["a fraction", ["a"], { vocabSize: 300.5 }],
    ["a special token twice", ["a"], { vocabSize: 300, specialTokens: ["<x>", "<x>"] }],
    ["a special token that is a byte", ["a"], { vocabSize: 300, specialTokens: ["a"] }],
    ["an empty special token", ["a"], { vocabSize: 300, specialTokens: [""] }],
    ["a negative frequency", ["a"], { vocabSize: 300, minFrequency: -1 }],
  ])("%s", (_, texts, options) => {
    expect(() => trainTokenizer(texts, options)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });
});

function fixture(name: string, sha256: string): unknown {
  const bytes = readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
  expect(createHash("sha256").update(bytes).digest("hex"), name).toBe(sha256);
  return JSON.parse(bytes.toString());
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
