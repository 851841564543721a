// What the tables of cells hold: every 32-bit word follows from its place, so that any program in any language can say what a
// row must be. Word i is i * 2654435761 modulo 2^32. The contestants in C and Python repeat this arithmetic.

const FACTOR = 0x9e3779b1;

/** Writes the table's words from byte `at` on, a multiple of 4. */
export function fillTable(at: number, bytes: Uint8Array): void {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  let word = Math.imul(at / 4, FACTOR);
  for (let i = 0; i < words.length; i++) {
    words[i] = word;
    word = (word + FACTOR) | 0;
  }
}

/** A checksum of words that depends on their order, as the contestants in C and Python compute it too. */
export function checksum(bytes: Uint8Array): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  let sum = 0;
  for (let i = 0; i < words.length; i++) sum = (sum + Math.imul(words[i] ?? 0, i | 1)) | 0;
  return sum >>> 0;
}

/** The checksum that rows of the table must have, computed from their ids alone. */
export function expectedChecksum(rowIds: Uint32Array, rowBytes: number): number {
  const rowWords = rowBytes / 4;
  let sum = 0;
  let i = 0;
  for (const row of rowIds) {
    // a product below 2^53: rows below 2^32, words of a row below 2^20
    let word = Math.imul((row * rowWords) % 2 ** 32, FACTOR);
    for (let at = 0; at < rowWords; at++, i++) {
      sum = (sum + Math.imul(word, i | 1)) | 0;
      word = (word + FACTOR) | 0;
    }
  }
  return sum >>> 0;
}
