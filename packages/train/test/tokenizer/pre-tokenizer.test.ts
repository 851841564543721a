// Published pre-tokenizers against Hugging Face tokenizers. Fixture: tools/oracles/byte-pair-encoding.py pieces.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parsePreTokenizer } from "../../src/tokenizer/pre-tokenizer.js";

const bytes = readFileSync(new URL("../fixtures/pre-tokenizer-pieces.json", import.meta.url));
const golden: {
  texts: readonly string[];
  cases: readonly { preTokenizer: object; pieces: readonly (readonly string[])[] }[];
} = JSON.parse(bytes.toString());

describe("parsePreTokenizer", () => {
  it("has the golden it was made with", () => {
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(
      "d50b5f6f6e54ce12b1f36f36f01097bb55512a2600299d0a36ba5dbca67077cf",
    );
    expect(golden.cases).toHaveLength(3);
  });

  it.each(golden.cases)("cuts as the reference does: %#", ({ preTokenizer, pieces }) => {
    const cut = parsePreTokenizer(preTokenizer);
    expect(cut).toBeDefined();
    for (const [index, text] of golden.texts.entries()) expect(cut?.(text), text).toEqual(pieces[index]);
  });

  const split = (pattern: string) => ({
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, use_regex: false },
    ],
  });

  it("keeps what stands between matches", () => {
    expect(parsePreTokenizer(split("[0-9]+"))?.("ab12c3")).toEqual(["ab", "12", "c", "3"]);
    expect(parsePreTokenizer(split("x*"))?.("axxb")).toEqual(["a", "xx", "b"]);
    expect(parsePreTokenizer(split("a"))?.("")).toEqual([]);
  });

  it.each(["\\d", "\\w+", "\\bx", "(?i)x", "(?<=a)b", "(?>a)", "a++", "^a", "a$", "[a&&b]", "[[:alpha:]]", "(", "\\h"])(
    "leaves the expression %j to the library",
    (pattern) => {
      expect(parsePreTokenizer(split(pattern))).toBeUndefined();
    },
  );

  it.each([
    null,
    { type: "Whitespace" },
    { type: "ByteLevel", add_prefix_space: true, use_regex: true },
    { type: "Sequence", pretokenizers: [] },
    { type: "Sequence", pretokenizers: "x" },
    { type: "Split", pattern: { String: " " }, behavior: "Isolated", invert: false },
  ])("leaves %j to the library", (json) => {
    expect(parsePreTokenizer(json)).toBeUndefined();
  });
});
