// Both kernels against BigInt: over random configurations, over moduli at the ends of the proven domain with arbitrary
// 63-bit numbers, and at sizes around a chunk.
import { createAddressing } from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { typescriptHashKernel } from "../../src/assembly/hash-kernel.js";
import { GREATEST_MODULUS, type HashKernel, type HashTable } from "../../src/assembly/hash-table.js";
import { wasmHashKernel } from "../../src/assembly/hash-wasm-kernel.js";
import { arbitraryConfig, arbitraryIds } from "../addressing/arbitrary-config.js";
import { referenceRows } from "../addressing/reference-rows.js";

const wasm = wasmHashKernel();
const kernels: readonly HashKernel[] = wasm === undefined ? [typescriptHashKernel] : [wasm, typescriptHashKernel];

/** Rows of contexts [tokens][maxOrder] by BigInt. */
function expectedRows(table: HashTable, contexts: readonly (readonly number[])[]): number[] {
  return contexts.flatMap((context) => {
    let mix = BigInt(context[0] ?? 0) * (table.multipliers[0] ?? 0n);
    return Array.from({ length: table.maxOrder - 1 }, (_, order) => {
      mix ^= BigInt(context[order + 1] ?? 0) * (table.multipliers[order + 1] ?? 0n);
      return Array.from({ length: table.headsPerOrder }, (_, j) => {
        const head = order * table.headsPerOrder + j;
        return (Number(mix % BigInt(table.primes[head] ?? 1)) + (table.offsets[head] ?? 0)) >>> 0;
      });
    }).flat();
  });
}

it("runs the WebAssembly kernel here", () => {
  expect(wasm?.name).toBe("wasm");
});

describe.each(kernels.map((kernel) => [kernel.name, kernel] as const))("%s", (name, kernel) => {
  it("equals BigInt for random configurations", () => {
    const cases = arbitraryConfig(11).chain((config) => fc.tuple(fc.constant(config), arbitraryIds(config, 30)));
    fc.assert(
      fc.property(cases, ([config, ids]) => {
        const addressing = createAddressing(config, { kernel: name });
        for (const { layer, rows } of addressing.layers) {
          const found = addressing.rowIds(layer, ids);
          expect(Array.from(found)).toEqual(referenceRows(addressing, layer, ids));
          expect(found.every((row) => row < rows)).toBe(true);
        }
      }),
      { numRuns: 150 },
    );
  });

  it("takes exact remainders of any 63-bit number by any modulus from 2 to 2^32 - 2^15", () => {
    // multipliers 2^k and tokens below 2^31 reach numbers of every size; moduli need not be prime for the arithmetic
    const modulus = fc.oneof(
      fc.integer({ min: 2, max: 65_535 }),
      fc.integer({ min: 65_536, max: 66_000 }),
      fc.integer({ min: 2, max: GREATEST_MODULUS }),
      fc.integer({ min: GREATEST_MODULUS - 1000, max: GREATEST_MODULUS }),
      fc.integer({ min: 1, max: 15 }).map((k) => 2 ** (2 * k + 1) - 1),
    );
    // two products that do not overlap make any number below 2^62: token 1 carries the high half, token 0 the low
    const multiplier = fc.constantFrom(1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 31n + 1n);
    const token = fc.oneof(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31 - 2));
    const table = fc.record({
      primes: fc.array(modulus, { minLength: 1, maxLength: 9 }),
      multipliers: fc.tuple(multiplier, multiplier),
    });
    const contexts = fc.array(fc.tuple(token, token), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(table, contexts, ({ primes, multipliers }, seen) => {
        const offsets = primes.map((_, i) => i * 7);
        const given = { maxOrder: 2, headsPerOrder: primes.length, vocabSize: 2 ** 31, multipliers, primes, offsets };
        const hasher = kernel.hasher(given);
        hasher.contexts.set(seen.flat());
        const out = new Uint32Array(seen.length * primes.length + 5);
        hasher.hash(seen.length, out, 2, "contexts");
        expect(Array.from(out.subarray(2, -3))).toEqual(expectedRows(given, seen));
        expect([out[0], out[1], ...out.subarray(-3)]).toEqual([0, 0, 0, 0, 0]);
      }),
      { numRuns: 2000 },
    );
  });

  it("takes exact remainders two tokens at a time: heads by fours, moduli from 2^16 to 2^31", () => {
    const modulus = fc.oneof(
      fc.integer({ min: 65_536, max: 66_000 }),
      fc.integer({ min: 65_536, max: 2 ** 31 }),
      fc.constantFrom(65_536, 2 ** 31 - 1, 2 ** 31),
    );
    const multiplier = fc.constantFrom(1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 31n + 1n);
    const token = fc.oneof(fc.integer({ min: 0, max: 2 ** 31 - 1 }), fc.constantFrom(0, 1, 2 ** 31 - 1, 2 ** 31 - 2));
    const given = fc.record({
      primes: fc.array(fc.tuple(modulus, modulus, modulus, modulus), { minLength: 2, maxLength: 4 }),
      multipliers: fc.tuple(multiplier, multiplier, multiplier),
      seen: fc.array(fc.tuple(token, token, token), { minLength: 1, maxLength: 9 }),
    });
    fc.assert(
      fc.property(given, ({ primes, multipliers, seen }) => {
        const flat = (primes.length % 2 === 0 ? primes : primes.slice(1)).flat(); // two orders of 4 or 8 heads
        const offsets = flat.map((_, i) => i * 1_000_003);
        const numbers = { maxOrder: 3, headsPerOrder: flat.length / 2, vocabSize: 2 ** 31, offsets };
        const table: HashTable = { ...numbers, multipliers, primes: flat };
        const hasher = kernel.hasher(table);
        hasher.contexts.set(seen.flat());
        const out = new Uint32Array(seen.length * flat.length + 3);
        hasher.hash(seen.length, out, 2, "contexts");
        expect(Array.from(out.subarray(2, -1))).toEqual(expectedRows(table, seen));
        expect([out[0], out[1], out.at(-1)]).toEqual([0, 0, 0]);
        const line = seen.map(([current]) => current);
        hasher.contexts.set([7, 9, ...line]);
        hasher.hash(line.length, out, 0, "run");
        const run = line.map((current, i) => [current, line[i - 1] ?? [9, 7][-i], line[i - 2] ?? [9, 7][1 - i]]);
        const expected = expectedRows(table, run as number[][]);
        expect(Array.from(out.subarray(0, expected.length))).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  it("finds the greatest id, wherever it is", () => {
    expect(kernel.greatestId(new Uint32Array(0))).toBe(0);
    for (const length of [1, 3, 4, 5, 63, 64, 65, 61_439, 61_440, 61_441, 130_000]) {
      for (const at of [0, Math.floor(length / 2), length - 1]) {
        for (const value of [5, 2 ** 31, 2 ** 32 - 1]) {
          const ids = new Uint32Array(length).fill(3);
          ids[at] = value;
          expect(kernel.greatestId(ids), `${value} at ${at} of ${length}`).toBe(value);
        }
      }
    }
  });

  it("is exact next to multiples of the modulus, where a wrong quotient would show", () => {
    const primes = [2, 3, 65_521, 65_537, 646_403, 16_000_057, 2_147_483_647, 2_147_483_659, GREATEST_MODULUS];
    for (const prime of primes) {
      // a number is token * 2^31 + token: choose multiples of the prime and their neighbours below 2^62
      const numbers: bigint[] = [];
      for (let bits = 33n; bits <= 62n; bits++) {
        const multiple = ((2n ** bits - 1n) / BigInt(prime)) * BigInt(prime);
        const half = multiple - BigInt(Math.floor(prime / 2));
        for (const near of [-2n, -1n, 0n, 1n, 2n]) {
          for (const number of [multiple + near, half + near]) if (number < 2n ** 62n) numbers.push(number);
        }
      }
      const contexts = numbers.map((n) => [Number(n & (2n ** 31n - 1n)), Number(n >> 31n)] as const);
      const table: HashTable = {
        maxOrder: 2,
        headsPerOrder: 1,
        vocabSize: 2 ** 31,
        multipliers: [1n, 2n ** 31n],
        primes: [prime],
        offsets: [0],
      };
      const hasher = kernel.hasher(table);
      hasher.contexts.set(contexts.flat());
      const out = new Uint32Array(numbers.length);
      hasher.hash(numbers.length, out, 0, "contexts");
      const rests = numbers.map((number) => Number(number % BigInt(prime)));
      expect(Array.from(out)).toEqual(rests);
      const four = [prime, prime, prime, prime]; // two tokens at a time
      const wide = kernel.hasher({ ...table, headsPerOrder: 4, primes: four, offsets: [0, 0, 0, 0] });
      wide.contexts.set(contexts.flat());
      const wideOut = new Uint32Array(4 * numbers.length);
      wide.hash(numbers.length, wideOut, 0, "contexts");
      expect(Array.from(wideOut)).toEqual(rests.flatMap((rest) => [rest, rest, rest, rest]));
    }
  });

  it("crosses its chunks without a seam", () => {
    const addressing = createAddressing(
      {
        kind: "deepseek-v4.1",
        vocabSize: 500,
        seed: 1,
        layers: [0],
        tableSizes: [3, 70_000, 40_000],
        headsPerOrder: 3,
        padId: 1,
      },
      { kernel: name },
    );
    const { maxOrder, rowsPerToken } = addressing;
    const primes = addressing.layers[0]?.primes.flat() ?? [];
    const facts = { maxOrder, headsPerOrder: 3, vocabSize: 500, primes };
    const { chunkTokens } = kernel.hasher({ ...facts, multipliers: [1n, 1n, 1n, 1n], offsets: primes.map(() => 0) });
    for (const size of [0, 1, chunkTokens - 1, chunkTokens, chunkTokens + 1, 2 * chunkTokens + 1]) {
      const ids = Array.from({ length: size }, (_, i) => (i * i * 7 + i) % 500);
      const rows = addressing.rowIds(0, ids);
      expect(rows.length).toBe(size * rowsPerToken);
      expect(
        Buffer.compare(
          Buffer.from(rows.buffer),
          Buffer.from(Uint32Array.from(referenceRows(addressing, 0, ids)).buffer),
        ),
      ).toBe(0);
    }
  });
});
