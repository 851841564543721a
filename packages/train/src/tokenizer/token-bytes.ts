// How many UTF-8 bytes of text each token stands for: what losses per token are turned into bits per byte with. Bytes and not
// characters, since a token may be a part of a character. Special tokens stand for no text.
// Not here: the sums (token-packing.ts) and the losses.

import { type TokenizerVocabulary, tokenText } from "@engram-ts/core";
import { bytesOfToken } from "./byte-alphabet.js";

/**
 * Bytes of each id's text, [ids]. Exact for byte-level vocabularies: the sum over a text's ids is its length in UTF-8. With
 * SentencePiece vocabularies a space that the tokenizer puts before the text is counted too.
 */
export function tokenByteLengths(vocabulary: TokenizerVocabulary): Uint32Array {
  const byteLevel = vocabulary.decoder.some(({ kind }) => kind === "byte-level");
  const byteFallback = vocabulary.decoder.some(({ kind }) => kind === "byte-fallback");
  return Uint32Array.from(vocabulary.tokens, (token, id) => {
    const added = vocabulary.added.get(id);
    if (token === undefined || added?.special === true) return 0;
    if (added !== undefined) return Buffer.byteLength(added.content);
    if (byteFallback && /^<0x[0-9a-fA-F]{2}>$/.test(token)) return 1;
    const bytes = byteLevel ? bytesOfToken(token) : undefined;
    return bytes?.length ?? Buffer.byteLength(tokenText(vocabulary, id));
  });
}
