// A small tokenizer.json for made-up checkpoints: byte-level BPE as published models have it, three special tokens first,
// then the 256 bytes, then some English words in several spellings, so that compression has something to merge.
// Deterministic. Not a tokenizer for real text.

const SPECIAL = ["<|begin_of_sentence|>", "<|end_of_sentence|>", "<|pad|>"];
const WORDS = ["the", "of", "and", "capital", "is", "a", "city", "river", "in", "to", "memory", "table"];

/** The raw id that the pad token has, as in the published models. */
export const FIXTURE_PAD_ID = 2;

/** The tokenizer as the content of a tokenizer.json. */
export function fixtureTokenizer(): object {
  const vocabulary = new Map<string, number>();
  const add = (token: string): void => {
    if (!vocabulary.has(token)) vocabulary.set(token, vocabulary.size);
  };
  for (const token of SPECIAL) add(token);
  for (let byte = 0; byte < 256; byte++) add(byteCharacter(byte));
  const merges: string[] = [];
  for (const word of WORDS) {
    const capitalized = word.charAt(0).toUpperCase() + word.slice(1);
    for (const spelling of new Set([word, capitalized, word.toUpperCase()])) {
      for (const text of [spelling, ` ${spelling}`]) addMerged(text, add, vocabulary, merges);
    }
  }
  const special = SPECIAL.map((content, id) => ({
    id,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special,
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: null,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary),
      merges,
    },
  };
}

/** Adds a text's tokens from left to right: each prefix is merged with the next character. */
function addMerged(
  text: string,
  add: (token: string) => void,
  vocabulary: Map<string, number>,
  merges: string[],
): void {
  const characters = Array.from(new TextEncoder().encode(text), byteCharacter);
  let [left = ""] = characters;
  for (const right of characters.slice(1)) {
    if (!vocabulary.has(left + right)) {
      merges.push(`${left} ${right}`);
      add(left + right);
    }
    left += right;
  }
}

/** The character that stands for a byte in byte-level vocabularies: itself where printable, else one from U+0100 on. */
function byteCharacter(byte: number): string {
  const printable = (value: number): boolean =>
    (value >= 0x21 && value <= 0x7e) || (value >= 0xa1 && value <= 0xac) || (value >= 0xae && value <= 0xff);
  if (printable(byte)) return String.fromCharCode(byte);
  let before = 0;
  for (let value = 0; value < byte; value++) if (!printable(value)) before++;
  return String.fromCharCode(0x100 + before);
}
