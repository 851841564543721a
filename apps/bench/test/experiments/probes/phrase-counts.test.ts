// Counts of phrases against a plain Map of their words.

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countPhrases } from "../../../src/experiments/probes/phrase-counts.js";

/** Documents as one text. */
function textOf(documents: readonly (readonly number[])[]) {
  const starts = [0];
  for (const ids of documents) starts.push((starts.at(-1) ?? 0) + ids.length);
  return { ids: Uint32Array.from(documents.flat()), documentStarts: Uint32Array.from(starts) };
}

function countsByMap(documents: readonly (readonly number[])[], order: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const ids of documents) {
    for (let at = 0; at + order <= ids.length; at++) {
      const key = ids.slice(at, at + order).join(" ");
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
  }
  return counts;
}

describe("countPhrases", () => {
  it("counts as a Map does, whatever text, phrases and order", () => {
    const id = fc.oneof(fc.nat({ max: 3 }), fc.nat({ max: 0xffff_ffff }));
    const document = fc.array(id, { maxLength: 40 });
    fc.assert(
      fc.property(
        fc.array(document, { maxLength: 8 }),
        fc.array(fc.array(id, { minLength: 5, maxLength: 5 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 5 }),
        (documents, asked, order) => {
          const inText = documents.flatMap((ids) => (ids.length < order ? [] : [ids.slice(-order)]));
          const phrases = [...asked.map((ids) => ids.slice(0, order)), ...inText];
          const expected = countsByMap(documents, order);
          const counts = countPhrases(Uint32Array.from(phrases.flat()), order, textOf(documents));
          expect([...counts]).toEqual(phrases.map((phrase) => expected.get(phrase.join(" ")) ?? 0));
        },
      ),
    );
  });

  it("counts nothing in nothing, and not over the beginning of a document", () => {
    expect([...countPhrases(new Uint32Array(0), 3, textOf([[1, 2, 3]]))]).toEqual([]);
    expect([...countPhrases(Uint32Array.of(1, 2), 2, textOf([]))]).toEqual([0]);
    expect([...countPhrases(Uint32Array.of(1, 2, 2, 1), 2, textOf([[1], [2, 1, 2], [1]]))]).toEqual([1, 1]);
  });
});
