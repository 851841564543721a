// How one vocabulary string becomes text: the decoder of a tokenizer.json, applied to a single token.
// Byte-level decoders, the chain of SentencePiece-style tokenizers, and none at all. Not a decoder of sequences: what a
// token's text is beside others (merged bytes, a stripped first space) is no matter of the token map.

import { EngramError } from "../errors.js";

/** One step of a decoder, as far as it acts on a single token. */
export type TokenDecoderStep =
  | { readonly kind: "byte-level" }
  | { readonly kind: "byte-fallback" }
  | { readonly kind: "replace"; readonly from: string; readonly to: string }
  | { readonly kind: "strip"; readonly character: string; readonly start: number };

/** The steps in order; none where the tokenizer has no decoder. */
export type TokenDecoder = readonly TokenDecoderStep[];

const MAX_STEPS = 64;

/**
 * Reads the `decoder` of a tokenizer.json.
 * @throws EngramError `unsupported` naming a decoder type that is not exact here, `invalid-tokenizer` for malformed ones.
 */
export function parseTokenDecoder(json: unknown, where = "decoder"): TokenDecoder {
  if (json === null || json === undefined) return [];
  if (typeof json !== "object") throw malformed(where, "an object with a type", json);
  const { type, decoders, pattern, content, start, stop } = json as Record<string, unknown>;
  switch (type) {
    case "ByteLevel":
      return [{ kind: "byte-level" }];
    case "ByteFallback":
      return [{ kind: "byte-fallback" }];
    case "Fuse":
      return []; // joins tokens: one token stays as it is
    case "Sequence": {
      if (!Array.isArray(decoders) || decoders.length > MAX_STEPS) {
        throw malformed(`${where}.decoders`, `an array of at most ${MAX_STEPS} decoders`, decoders);
      }
      if (where.length > 200) throw malformed(where, "decoders nested less deeply", where);
      return decoders.flatMap((step, index) => parseTokenDecoder(step, `${where}.decoders[${index}]`));
    }
    case "Replace": {
      const from = typeof pattern === "object" && pattern !== null && "String" in pattern ? pattern.String : undefined;
      if (from === undefined) throw unsupported(where, "Replace with a regular expression");
      if (typeof from !== "string" || from === "") throw malformed(`${where}.pattern.String`, "a string", from);
      if (typeof content !== "string") throw malformed(`${where}.content`, "a string", content);
      return [{ kind: "replace", from, to: content }];
    }
    case "Strip": {
      if (typeof content !== "string" || [...content].length !== 1) {
        throw malformed(`${where}.content`, "one character", content);
      }
      if (typeof start !== "number" || !Number.isInteger(start) || start < 0) {
        throw malformed(`${where}.start`, "a whole number from 0", start);
      }
      if (stop !== 0) throw unsupported(where, `Strip with stop ${JSON.stringify(stop)}`);
      return [{ kind: "strip", character: content, start }];
    }
    default:
      if (typeof type !== "string") throw malformed(`${where}.type`, "a string", type);
      throw unsupported(where, type);
  }
}

/** The text of one token by itself. Bytes that are not UTF-8 become U+FFFD, as in the reference. */
export function decodeToken(decoder: TokenDecoder, token: string): string {
  let text = token;
  for (const step of decoder) {
    switch (step.kind) {
      case "byte-level":
        text = decodeByteLevel(text);
        break;
      case "byte-fallback":
        text = decodeByteFallback(text);
        break;
      case "replace":
        text = text.replaceAll(step.from, () => step.to);
        break;
      case "strip":
        for (let n = 0; n < step.start && text.startsWith(step.character); n++) {
          text = text.slice(step.character.length);
        }
        break;
    }
  }
  return text;
}

// A TextDecoder drops a leading U+FEFF unless told otherwise, and that is a token of its own in real vocabularies.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

// The byte-level alphabet: printable Latin-1 stands for its own byte, the other bytes in order for U+0100, U+0101, ...
const byteOfCharacter = new Int16Array(0x144).fill(-1);
for (let byte = 0, next = 0x100; byte < 256; byte++) {
  const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
  byteOfCharacter[printable ? byte : next++] = byte;
}

const PRINTABLE_ASCII = /^Ġ?[!-~]*$/;

function decodeByteLevel(token: string): string {
  if (PRINTABLE_ASCII.test(token)) return token.charCodeAt(0) === 0x120 ? ` ${token.slice(1)}` : token;
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfCharacter[token.charCodeAt(i)] ?? -1;
    // One character outside the alphabet makes the whole token plain text: so are added tokens told apart.
    if (byte < 0) return token;
    bytes[i] = byte;
  }
  return utf8.decode(bytes);
}

function decodeByteFallback(token: string): string {
  // Two hex digits, or a sign and one: what the reference's number parser takes.
  const byte = /^<0x([0-9a-fA-F]{2}|\+[0-9a-fA-F])>$/.exec(token)?.[1];
  return byte === undefined ? token : utf8.decode(Uint8Array.of(Number.parseInt(byte, 16)));
}

function malformed(where: string, expected: string, found: unknown): EngramError {
  return new EngramError({
    code: "invalid-tokenizer",
    operation: "parseTokenizerJson",
    message: `${where} must be ${expected}, found ${String(JSON.stringify(found)).slice(0, 80)}; use the tokenizer.json that its publisher saved`,
    context: { where },
  });
}

function unsupported(where: string, name: string): EngramError {
  return new EngramError({
    code: "unsupported",
    operation: "parseTokenizerJson",
    message:
      `${where} is ${name}; exact here are ByteLevel, ByteFallback, Fuse, Replace of a string, Strip at the start, ` +
      "Sequence of these, and none. Make the token map with the reference and load it with decodeTokenMap",
    context: { where, decoder: name },
  });
}
