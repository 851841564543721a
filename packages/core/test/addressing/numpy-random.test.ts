// NumPy's seeded integers against NumPy itself: 3,600 random pairs of seed and bound and a table of edge cases, both
// drawn by tools/oracles/numpy-random.py.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { numpyIntegers } from "../../src/addressing/numpy-random.js";

interface Fixture {
  readonly draws: readonly (readonly [seed: string, bound: string, values: readonly string[]])[];
  readonly groups: readonly {
    readonly name: string;
    readonly start: string;
    readonly pairs: number;
    readonly count: number;
    readonly seedBits: number;
    readonly boundShift: number;
    readonly sha256: string;
  }[];
}

const bytes = readFileSync(new URL("../fixtures/numpy-random.json", import.meta.url));
const fixture = JSON.parse(bytes.toString()) as Fixture; // its digest is checked below

describe("numpyIntegers", () => {
  it("reads the file that the oracle wrote", () => {
    expect(createHash("sha256").update(bytes).digest("hex")).toBe(
      "88746a3d21b60fc58b7c8d8b259605715e86b35a32db93101483ba2ad53177c7",
    );
  });

  it("draws what NumPy draws at the edges of seeds and bounds", () => {
    expect(fixture.draws.length).toBeGreaterThan(250);
    for (const [seed, bound, values] of fixture.draws) {
      const drawn = numpyIntegers(BigInt(seed), BigInt(bound), values.length).map(String);
      expect(drawn, `seed ${seed}, bound ${bound}`).toEqual(values);
    }
  });

  it.each(fixture.groups)("draws what NumPy draws: $name", ({ start, pairs, count, seedBits, boundShift, sha256 }) => {
    let word = BigInt(start);
    const next = (): bigint => {
      word = (word * 6364136223846793005n + 1442695040888963407n) & (2n ** 64n - 1n);
      return word;
    };
    const hash = createHash("sha256");
    for (let pair = 0; pair < pairs; pair++) {
      let seed = 0n;
      for (let i = 0; i < Math.ceil(seedBits / 64); i++) seed = (seed << 64n) | next();
      seed >>= BigInt((64 - (seedBits % 64)) % 64);
      const high = next();
      const bound = high >> (BigInt(boundShift) + (next() % 31n));
      hash.update(BigInt64Array.from(numpyIntegers(seed, bound < 1n ? 1n : bound, count)));
    }
    expect(hash.digest("hex")).toBe(sha256);
  });

  it("refuses what NumPy refuses", () => {
    for (const [seed, bound, count] of [
      [-1n, 5n, 1],
      [0n, 0n, 1],
      [0n, 2n ** 63n + 1n, 1],
      [0n, 5n, 1.5],
      [0n, 5n, -1],
    ] as const) {
      expect(() => numpyIntegers(seed, bound, count)).toThrowError(/numpyIntegers: seed/);
    }
    expect(numpyIntegers(0n, 2n ** 63n, 0)).toEqual([]);
  });
});
