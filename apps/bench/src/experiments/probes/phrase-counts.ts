// How often given n-grams occur in a text, exactly. Only those that are asked for are kept, so that memory grows with the
// question and not with the text: an open-addressed table of 32-bit hashes that name the first place of a phrase, whose ids
// are compared, so that no two phrases are ever taken for one. N-grams do not reach over the beginning of a document.

import type { CountedText } from "./probed-model.js";

/**
 * Counts phrases.
 * @param phrases ids of phrases of equal length, `[phrases, order]`; they may repeat.
 * @returns how often each occurs, `[phrases]`.
 */
export function countPhrases(phrases: Uint32Array, order: number, { ids, documentStarts }: CountedText): Uint32Array {
  const count = phrases.length / order;
  const slots = new Uint32Array(2 ** Math.ceil(Math.log2(2 * count + 2))); // first phrase of this kind + 1; 0 is free
  const mask = slots.length - 1;
  const counts = new Uint32Array(count); // of the first phrase of each kind
  const find = (source: ArrayLike<number>, from: number): number => {
    let slot = hashOf(source, from, order) & mask;
    for (; ; slot = (slot + 1) & mask) {
      const first = (slots[slot] ?? 0) - 1;
      if (first < 0 || equal(phrases, first * order, source, from, order)) return slot;
    }
  };
  const kinds = Uint32Array.from({ length: count }, (_, phrase) => {
    const slot = find(phrases, phrase * order);
    if (slots[slot] === 0) slots[slot] = phrase + 1;
    return (slots[slot] ?? 1) - 1;
  });
  for (let document = 0; document + 1 < documentStarts.length; document++) {
    const last = (documentStarts[document + 1] ?? 0) - order;
    for (let at = documentStarts[document] ?? 0; at <= last; at++) {
      const first = (slots[find(ids, at)] ?? 0) - 1;
      if (first >= 0) counts[first] = (counts[first] ?? 0) + 1;
    }
  }
  return kinds.map((first) => counts[first] ?? 0);
}

function equal(a: ArrayLike<number>, atA: number, b: ArrayLike<number>, atB: number, count: number): boolean {
  for (let i = 0; i < count; i++) if (a[atA + i] !== b[atB + i]) return false;
  return true;
}

/** MurmurHash3 over 32-bit words. */
function hashOf(ids: ArrayLike<number>, from: number, order: number): number {
  let hash = order;
  for (let i = 0; i < order; i++) {
    const word = Math.imul(ids[from + i] ?? 0, 0xcc9e_2d51);
    hash ^= Math.imul((word << 15) | (word >>> 17), 0x1b87_3593);
    hash = (Math.imul((hash << 13) | (hash >>> 19), 5) + 0xe654_6b64) | 0;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
