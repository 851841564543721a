// The normalizer against the reference library: random strings over difficult characters, and every code point there is.
// Fixtures: tools/oracles/token-map.py text and code-points.
import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { normalizeTokenText } from "../../src/index.js";
import { fixture } from "../rows/fixture.js";

const escaped = (text: string) =>
  [...text].map((c) => `U+${c.codePointAt(0)?.toString(16).toUpperCase().padStart(4, "0")}`).join(" ");

describe("normalizeTokenText", () => {
  it("equals the reference on thousands of strings of difficult characters", () => {
    const { cases }: { cases: readonly (readonly [string, string])[] } = JSON.parse(
      fixture("token-map-texts.json", "1877f07925ac078d3e0fb8a3ec7e889621c87e15338600816292b5db8493b191").toString(),
    );
    expect(cases.length).toBe(4000);
    const different = cases.filter(([text, wanted]) => normalizeTokenText(text) !== wanted);
    expect(
      different.map(([text, wanted]) => [escaped(text), escaped(wanted), escaped(normalizeTokenText(text))]),
    ).toEqual([]);
  });

  it("equals the reference on every code point", () => {
    const { block, digests }: { block: number; digests: readonly string[] } = JSON.parse(
      fixture(
        "token-map-code-points.json",
        "0f39993b203bb8b7ad3eee1c1e939765804e1fcb2eaf2754653bb3db70087b05",
      ).toString(),
    );
    expect(block * digests.length).toBe(0x110000);
    const different = digests.flatMap((wanted, index) => {
      const forms: string[] = [];
      for (let c = index * block; c < (index + 1) * block; c++) {
        if (c < 0xd800 || c >= 0xe000) forms.push(normalizeTokenText(`x${String.fromCodePoint(c)}x`));
      }
      const found = createHash("sha256").update(forms.join("\n")).digest("hex").slice(0, 8);
      return found === wanted ? [] : [`block from U+${(index * block).toString(16)}`];
    });
    expect(different).toEqual([]);
  });

  it.each([
    ["", ""],
    [" ", " "],
    [" \t\r\n ", " "],
    ["\u00a0", " "],
    ["\v", ""],
    ["\u0085", ""],
    ["\ufeff", "\ufeff"],
    [" \u0301", " "],
    ["\u0301", ""],
    [" The ", "the"],
    ["ΟΔΟΣ", "οδοσ"],
    ["İ", "i"],
    ["a \n b", "a b"],
    ["ﬁ", "fi"],
    ["\ue000a \ue000", " a  "],
    ["각", "각".normalize("NFD")],
  ])("turns %j into %j", (text, wanted) => {
    expect(normalizeTokenText(text)).toBe(wanted);
  });
});
