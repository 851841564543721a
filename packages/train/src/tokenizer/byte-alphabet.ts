// The alphabet of byte-level vocabularies: every byte has one printable character, itself where Latin-1 prints it, else
// one from U+0100 on, in order. So a vocabulary of strings holds any bytes. The convention is GPT-2's and Hugging Face's.
// Not here: core's decoder of single tokens, which makes text and not bytes of them.

const characterOfByte: readonly string[] = alphabet();
const byteOfCharacter: ReadonlyMap<string, number> = new Map(
  characterOfByte.map((character, byte) => [character, byte]),
);

const encoder = new TextEncoder();

/** The character of each byte, [256]. */
export function byteAlphabet(): readonly string[] {
  return characterOfByte;
}

/** A text's UTF-8 bytes as characters of the alphabet. */
export function toByteCharacters(text: string): string {
  let characters = "";
  for (const byte of encoder.encode(text)) characters += characterOfByte[byte] ?? "";
  return characters;
}

/** The bytes that a vocabulary string stands for; undefined where one of its characters is not of the alphabet. */
export function bytesOfToken(token: string): Uint8Array | undefined {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = byteOfCharacter.get(token.charAt(i));
    if (byte === undefined) return undefined;
    bytes[i] = byte;
  }
  return bytes;
}

function alphabet(): string[] {
  let next = 0x100;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    return String.fromCharCode(printable ? byte : next++);
  });
}
