// The reader of tokenizer.json: ids as the reference library gives them (expected values from tokenizers 0.23.3, made with
// tools/oracles/token-map.py ids), and refusal of what is malformed.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isEngramError, parseTokenizerJson, tokenText } from "../../src/index.js";
import { fixture } from "../rows/fixture.js";

interface IdCase {
  readonly name: string;
  readonly json: unknown;
  readonly size: number;
  /** Per id from 0: vocabulary string, and the text it decodes to. */
  readonly ids: readonly (readonly [string | null, string])[];
}

const cases: readonly IdCase[] = JSON.parse(
  fixture("token-map-ids.json", "f9cb5c81052a35acc4149b6e5f3cd416d187507492d49ad05bc123bc9e6c8913").toString(),
).cases;

const good = {
  added_tokens: [{ id: 2, content: "<x>", special: true }],
  decoder: { type: "ByteLevel" },
  model: { type: "BPE", vocab: { a: 0, b: 1 } },
};

describe("parseTokenizerJson", () => {
  it.each(cases)("gives ids and texts as the reference does: $name", ({ json, size, ids }) => {
    const vocabulary = parseTokenizerJson(json);
    expect(vocabulary.size).toBe(size);
    const found = ids.map((_, id) => [vocabulary.tokens[id] ?? null, tokenText(vocabulary, id)]);
    expect(found).toEqual(ids);
  });

  it("reads text as it reads parsed JSON", () => {
    expect(parseTokenizerJson(JSON.stringify(good))).toEqual(parseTokenizerJson(good));
  });

  it("tells added tokens from the rest, and special ones from others", () => {
    const json = { ...good, added_tokens: [...good.added_tokens, { id: 1, content: "b", special: false }] };
    expect([...parseTokenizerJson(json).added]).toEqual([
      [2, { content: "<x>", special: true }],
      [1, { content: "b", special: false }],
    ]);
  });

  it("takes names of object properties as tokens", () => {
    const vocab = JSON.parse('{"__proto__":0,"constructor":1,"toString":2}');
    const { tokens } = parseTokenizerJson({ model: { vocab } });
    expect(tokens).toEqual(["__proto__", "constructor", "toString"]);
  });

  it.each([
    ["text that is no JSON", "{"],
    ["null", null],
    ["a number", 3],
    ["an array", [[]]],
    ["no model", {}],
    ["no vocabulary", { model: {} }],
    ["an empty vocabulary", { model: { vocab: {} } }],
    ["a vocabulary that is text", { model: { vocab: "ab" } }],
    ["an id that is text", { model: { vocab: { a: "0" } } }],
    ["a negative id", { model: { vocab: { a: -1 } } }],
    ["a fractional id", { model: { vocab: { a: 0.5 } } }],
    ["an absurd id", { model: { vocab: { a: 0, b: 2 ** 24 } } }],
    ["an id beyond exact numbers", { model: { vocab: { a: 1e300 } } }],
    ["an id twice", { model: { vocab: { a: 0, b: 0 } } }],
    ["half a surrogate pair", { model: { vocab: { "\ud800": 0 } } }],
    ["a token of a million characters", { model: { vocab: { ["a".repeat(2 ** 20 + 1)]: 0 } } }],
    ["added tokens that are no array", { ...good, added_tokens: {} }],
    ["an added token that is text", { ...good, added_tokens: ["<x>"] }],
    ["an added token without text", { ...good, added_tokens: [{ id: 2, special: true }] }],
    ["an added token without special", { ...good, added_tokens: [{ id: 2, content: "<x>" }] }],
    ["an added token without id", { ...good, added_tokens: [{ content: "<x>", special: true }] }],
    ["an added token with an absurd id", { ...good, added_tokens: [{ id: 2 ** 31, content: "<x>", special: true }] }],
    ["an added token with another token's id", { ...good, added_tokens: [{ id: 1, content: "<x>", special: true }] }],
    [
      "two added tokens with one id",
      {
        ...good,
        added_tokens: [
          { id: 2, content: "<x>", special: true },
          { id: 2, content: "<y>", special: true },
        ],
      },
    ],
    ["a decoder that is text", { ...good, decoder: "ByteLevel" }],
    ["a decoder without type", { ...good, decoder: {} }],
    ["a sequence without decoders", { ...good, decoder: { type: "Sequence" } }],
    ["decoders nested without end", { ...good, decoder: nested(1000) }],
  ])("refuses %s", (_, json) => {
    expect(errorOf(() => parseTokenizerJson(json))).toMatchObject({
      code: "invalid-tokenizer",
      context: { where: expect.any(String) },
    });
  });

  it.each([
    ["WordPiece", { type: "WordPiece", prefix: "##", cleanup: true }],
    ["Metaspace", { type: "Metaspace", replacement: "▁" }],
    ["CTC", { type: "Sequence", decoders: [{ type: "Fuse" }, { type: "CTC" }] }],
    ["Replace with a regular expression", { type: "Replace", pattern: { Regex: "a+" }, content: "" }],
    ["Strip with stop 1", { type: "Strip", content: " ", start: 0, stop: 1 }],
  ])("names the decoder that is not exact here: %s", (name, decoder) => {
    expect(errorOf(() => parseTokenizerJson({ ...good, decoder }))).toMatchObject({
      code: "unsupported",
      context: { decoder: name },
    });
  });

  it("names the kind of vocabulary that is not exact here", () => {
    const json = { ...good, model: { type: "Unigram", vocab: [["a", -1]] } };
    expect(errorOf(() => parseTokenizerJson(json))).toMatchObject({
      code: "unsupported",
      context: { modelType: "Unigram" },
    });
  });

  it("answers any JSON with a vocabulary or an EngramError", () => {
    const anything = fc.jsonValue();
    const near = fc.record({
      model: fc.oneof(anything, fc.record({ vocab: fc.dictionary(fc.string(), fc.oneof(fc.nat(20), anything)) })),
      added_tokens: fc.oneof(
        anything,
        fc.array(fc.record({ id: fc.nat(20), content: fc.string(), special: fc.boolean() })),
      ),
      decoder: fc.oneof(anything, fc.constantFrom({ type: "ByteLevel" }, { type: "Sequence", decoders: [null] })),
    });
    fc.assert(
      fc.property(fc.oneof(anything, near), (json) => {
        const error = errorOf(() => parseTokenizerJson(json));
        expect(error === undefined || isEngramError(error)).toBe(true);
      }),
    );
  });
});

function nested(depth: number): unknown {
  let decoder: unknown = { type: "ByteLevel" };
  for (let level = 0; level < depth; level++) decoder = { type: "Sequence", decoders: [decoder] };
  return decoder;
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}
