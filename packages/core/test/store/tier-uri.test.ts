// The grammar of URIs and stacks: what is read, what is refused and where, and that reading what was written gives the
// same tiers.

import { byteSize, parseTierUri, type Tier, tierUriText } from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("parseTierUri", () => {
  it.each<[string, readonly Tier[]]>([
    ["file:./dir", [{ kind: "uri", scheme: "file", uri: "file:./dir" }]],
    ["  s3://bucket/a b  ", [{ kind: "uri", scheme: "s3", uri: "s3://bucket/a b" }]],
    ["dram:file:./d", [{ kind: "memory" }, { kind: "uri", scheme: "file", uri: "file:./d" }]],
    ["dram > file:./d", [{ kind: "memory" }, { kind: "uri", scheme: "file", uri: "file:./d" }]],
    [
      "dram(1GiB) > lmdb:./cache > s3://bucket/prefix",
      [
        { kind: "memory-cache", bytes: 2 ** 30 },
        { kind: "uri", scheme: "lmdb", uri: "lmdb:./cache" },
        { kind: "uri", scheme: "s3", uri: "s3://bucket/prefix" },
      ],
    ],
    [
      "lmdb:./c>dram( 2 MB )>file:./d",
      [
        { kind: "uri", scheme: "lmdb", uri: "lmdb:./c" },
        { kind: "memory-cache", bytes: 2e6 },
        { kind: "uri", scheme: "file", uri: "file:./d" },
      ],
    ],
    // schemes that begin like memory's name
    ["dram2:x", [{ kind: "uri", scheme: "dram2", uri: "dram2:x" }]],
  ])("reads %j", (text, tiers) => {
    expect(parseTierUri(text)).toEqual(tiers);
  });

  it.each([
    ["", 1, "a tier is missing"],
    ["   ", 4, "a tier is missing"],
    ["file:./a >", 11, "a tier is missing"],
    ["> file:./a", 1, "a tier is missing"],
    ["file:./a > > s3://b", 12, "a tier is missing"],
    ["./dir", 1, "for a folder write file:./folder"],
    ["C:\\tables", 1, "for a folder write file:./folder"],
    ["FILE:./dir", 1, "for a folder write file:./folder"],
    ["file:", 1, "nothing follows file:"],
    ["dram", 1, "memory keeps nothing by itself"],
    ["dram:", 1, "memory keeps nothing by itself"],
    ["dram(1GiB)", 1, "memory keeps nothing by itself"],
    ["file:./a > dram(1GiB)", 12, "memory keeps nothing by itself"],
    ["dram(1XB) > file:./a", 6, '"1XB" is no size'],
    ["dram() > file:./a", 6, '"" is no size'],
    ["dram(0) > file:./a", 6, '"0" is no size'],
    ["dram(-1) > file:./a", 6, "is no size"],
    ["dram(1e9) > file:./a", 6, "is no size"],
    ["dram(9007199254740993B) > file:./a", 6, "is no size"],
    ["dram(1GiB > file:./a", 5, "expected a size in parentheses"],
    ["dram(1GiB)x > file:./a", 5, "expected a size in parentheses"],
    ["lmdb:./c > dram > file:./a", 1, "can only be the first tier"],
    ["dram:dram:file:./a", 1, "can only be the first tier"],
    ["file:./a\u0000b", 9, "a control character"],
  ])("refuses %j at character %i", (text, character, message) => {
    const run = () => parseTierUri(text);
    expect(run).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    expect(run).toThrow(`at character ${character} of`);
    expect(run).toThrow(message);
  });

  it("refuses what is no text, and texts without end", () => {
    for (const bad of [undefined, 7, {}, "file:./".padEnd(20_000, "x"), "lmdb:./c > ".repeat(9).concat("file:./a")]) {
      expect(() => parseTierUri(bad as string)).toThrow(expect.objectContaining({ code: "invalid-argument" }));
    }
  });

  it("reads back what it writes", () => {
    const rest = fc.string({ minLength: 1, maxLength: 20 }).filter((text) => {
      // biome-ignore lint/suspicious/noControlCharactersInRegex: what the grammar refuses
      return !/[>\u0000-\u001f\u007f]/.test(text) && text.trim() === text;
    });
    const uri = fc
      .tuple(fc.constantFrom("file", "lmdb", "s3", "x-y.z+1"), rest)
      .map(([scheme, text]): Tier => ({ kind: "uri", scheme, uri: `${scheme}:${text}` }));
    const cache = fc.integer({ min: 1, max: 2 ** 53 - 1 }).map((bytes): Tier => ({ kind: "memory-cache", bytes }));
    const first = fc.constantFrom<readonly Tier[]>([], [{ kind: "memory" }]);
    const stack = fc.tuple(first, fc.array(fc.oneof(uri, cache), { maxLength: 5 }), uri);
    fc.assert(
      fc.property(stack, ([memory, middle, last]) => {
        const tiers = [...memory, ...middle, last];
        expect(parseTierUri(tierUriText(tiers))).toEqual(tiers);
      }),
      { numRuns: 300 },
    );
  });

  it("either reads a text or refuses it with a place in it", () => {
    const piece = fc.constantFrom("dram", "(", ")", "1", "GiB", ":", ">", " ", "file", "./a", "s3://b", ".", "\n", "é");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join("");
        try {
          expect(parseTierUri(text).at(-1)?.kind).toBe("uri");
        } catch (error) {
          const { code, context } = error as { code: string; context: { at: number } };
          expect(code).toBe("invalid-argument");
          expect(context.at).toBeGreaterThanOrEqual(0);
          expect(context.at).toBeLessThanOrEqual(text.length);
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe("byteSize", () => {
  it("knows bytes, binary and decimal units, and rounds down", () => {
    const sizes = ["1", "4096B", "1KiB", "1.5GiB", "1.0001KB", "2 TB", "0.5MiB"].map(byteSize);
    expect(sizes).toEqual([1, 4096, 1024, 1.5 * 2 ** 30, 1000, 2e12, 2 ** 19]);
    expect(["", "B", "1kib", "1GiBB", "1..5GB", "0.1", "constructor", "1constructor"].map(byteSize)).toEqual(
      Array.from({ length: 8 }, () => undefined),
    );
  });
});
