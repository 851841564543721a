// Cutting of long documents.
import fc from "fast-check";
import { expect, it } from "vitest";
import { cutDocument } from "../../src/data/document-cut.js";

const piece = fc.oneof(fc.constantFrom("a", " ", "\n", "\n\n", "word ", "😀"), fc.string({ unit: "grapheme" }));

it("gives parts that join to the document, none longer than asked for, none ending within a character", () => {
  fc.assert(
    fc.property(fc.array(piece), fc.integer({ min: 1, max: 40 }), (pieces, length) => {
      const text = pieces.join("");
      const parts = [...cutDocument(text, length)];
      expect(parts.join("")).toBe(text);
      for (const part of parts) {
        expect(part).not.toMatch(/\p{Surrogate}/u);
        // One more where a pair stands at the end.
        expect(part.length).toBeLessThanOrEqual(length + 1);
        if (part.length > length) expect(part).toMatch(/[\u{10000}-\u{10ffff}]$/u);
      }
    }),
  );
});

it.each([
  ["one\n\ntwo\nthree four", 8, ["one\n\n", "two\n", "three ", "four"]],
  ["abcdefgh", 8, ["abcdefgh"]],
  ["abcdefghi", 8, ["abcdefgh", "i"]],
  ["a bcdefghi", 8, ["a ", "bcdefghi"]],
  ["a\nbcde fghij", 8, ["a\nbcde ", "fghij"]], // a pause in the first half is the last resort
  ["", 8, [""]],
])("cuts %j to %i", (text, length, parts) => {
  expect([...cutDocument(text, length)]).toEqual(parts);
});
