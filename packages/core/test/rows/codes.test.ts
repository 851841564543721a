// Every code of every format, and some 30,000 casts, against NumPy and ml_dtypes (tools/oracles/rows.py).
import {
  decodeBfloat16,
  decodeFloat8E4m3,
  decodeFloat8E8m0,
  decodeFloat16,
  e8m0ScaleFor,
  encodeBfloat16,
  encodeFloat8E4m3,
  encodeFloat16,
  float8E4m3Table,
  float8E8m0Table,
  float16Table,
} from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bytesOf, fixture, float32Bits, sha256 } from "./fixture.js";

const codes = JSON.parse(
  fixture("rows-codes.json", "761db1584f86311bb7dc1e3910207a34da186e384d49c8288ae3626416d55654").toString(),
) as Record<"f16" | "bf16", { sha256: string; blocks: string }> & Record<"e4m3" | "e8m0", { bits: string }>;

describe("decoding every code", () => {
  it.each([
    ["f16", decodeFloat16],
    ["bf16", decodeBfloat16],
  ] as const)("%s: all 65,536", (name, decode) => {
    const bits = float32Bits(Float32Array.from({ length: 65_536 }, (_, code) => decode(code)));
    const blocks = Array.from({ length: 256 }, (_, block) =>
      sha256(bytesOf(bits.subarray(block * 256, block * 256 + 256))).slice(0, 8),
    );
    expect(blocks).toEqual(codes[name].blocks.split(" "));
    expect(sha256(bytesOf(bits))).toBe(codes[name].sha256);
  });

  it.each([
    ["e4m3", decodeFloat8E4m3, float8E4m3Table],
    ["e8m0", decodeFloat8E8m0, float8E8m0Table],
  ] as const)("%s: all 256", (name, decode, table) => {
    const bits = float32Bits(Float32Array.from({ length: 256 }, (_, code) => decode(code)));
    expect(Array.from(bits, (word) => word.toString(16).padStart(8, "0"))).toEqual(codes[name].bits.split(" "));
    expect(float32Bits(table())).toEqual(bits);
  });

  it("the f16 table holds what decodeFloat16 gives", () => {
    const table = float16Table();
    expect(table.length).toBe(65_536);
    expect([table[0x3c00], table[0xc000], table[0x7bff], table[1]]).toEqual([1, -2, 65_504, 2 ** -24]);
  });
});

describe("encoding back", () => {
  it.each([
    ["f16", decodeFloat16, encodeFloat16, 65_536],
    ["bf16", decodeBfloat16, encodeBfloat16, 65_536],
    ["e4m3", decodeFloat8E4m3, encodeFloat8E4m3, 256],
  ] as const)("%s: every code that is a number, infinities too, comes back", (_name, decode, encode, count) => {
    const wrong: number[] = [];
    for (let code = 0; code < count; code++) {
      const value = decode(code);
      if (!Number.isNaN(value) && encode(value) !== code) wrong.push(code);
    }
    expect(wrong).toEqual([]);
  });
});

describe("casts from float32", () => {
  const index = JSON.parse(
    fixture("rows-casts.json", "f9186bbb502598034bb65d499b8cd5bfbfc38a5ef5ae2b8037d3f989a791a541").toString(),
  ) as { n: number; sha256: string };
  const data = fixture("rows-casts.bin", index.sha256);
  const { n } = index;

  it.each([
    ["f16", encodeFloat16, 4, 2],
    ["bf16", encodeBfloat16, 6, 2],
    ["e4m3", encodeFloat8E4m3, 8, 1],
  ] as const)("%s: ties, subnormals, overflow and random bits", (_name, encode, perValueBefore, size) => {
    const wrong: { bits: string; found: number; expected: number }[] = [];
    for (let i = 0; i < n; i++) {
      const expected = data.readUIntLE(n * perValueBefore + i * size, size);
      const found = encode(data.readFloatLE(i * 4));
      if (found !== expected) wrong.push({ bits: data.readUInt32LE(i * 4).toString(16), found, expected });
    }
    expect(n).toBeGreaterThan(30_000);
    expect(wrong).toEqual([]);
  });

  it("rounds what is no float32 to one first", () => {
    // Half-way between two codes as a float32, but above half-way as a double.
    expect(encodeFloat16(1 + 2 ** -11 + 2 ** -40)).toBe(0x3c00);
    expect(encodeBfloat16(1 + 2 ** -8 + 2 ** -40)).toBe(0x3f80);
    expect(encodeFloat8E4m3(1 + 2 ** -4 + 2 ** -40)).toBe(0x38);
    expect(encodeFloat16(2 ** -25 * (1 + 2 ** -40))).toBe(0);
    expect(encodeFloat8E4m3(2 ** -10 * (1 + 2 ** -40))).toBe(0);
  });
});

describe("e8m0ScaleFor", () => {
  it("gives the least power of two, from 2^-126, that brings the value to 448 or below", () => {
    fc.assert(
      fc.property(fc.float({ min: 0, noNaN: true, noDefaultInfinity: true }), (max) => {
        const code = e8m0ScaleFor(max);
        expect(code).toBeGreaterThanOrEqual(1);
        expect(max / decodeFloat8E8m0(code)).toBeLessThanOrEqual(448);
        if (code > 1) expect(max / decodeFloat8E8m0(code - 1)).toBeGreaterThan(448);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    [448, 127],
    [448.00003, 128],
    [224, 126],
    [0, 1],
    [2 ** -149, 1],
    [3.4028234663852886e38, 247],
  ])("%d has scale code %d", (max, code) => {
    expect(e8m0ScaleFor(max)).toBe(code);
  });
});
