// Primes against a sieve, against known hard composites, and the chain's rule against a plain restatement of it.
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { distinctPrimes, isPrime } from "../../src/addressing/primes.js";

describe("isPrime", () => {
  it("equals a sieve below 200,000", () => {
    const composite = new Uint8Array(200_000).fill(1, 0, 2);
    for (let i = 2; i * i < composite.length; i++) {
      if (composite[i] === 0) for (let j = i * i; j < composite.length; j += i) composite[j] = 1;
    }
    const wrong = Array.from(composite.keys()).filter((n) => isPrime(n) !== (composite[n] === 0));
    expect(wrong).toEqual([]);
  });

  it("knows strong pseudoprimes, Carmichael numbers, squares and the greatest primes below 2^31 and 2^32", () => {
    // strong pseudoprimes to bases 2; 2 and 3; 2, 3 and 5; Carmichael numbers; squares of primes
    const composites = [2047, 3277, 1_373_653, 25_326_001, 3_215_031_751, 561, 41_041, 825_265, 65_521 ** 2, 2 ** 32];
    expect(composites.filter(isPrime)).toEqual([]);
    const primes = [2 ** 31 - 1, 2 ** 31 + 11, 2 ** 32 - 5, 2 ** 32 - 17, 16_000_057, 20_000_003];
    expect(primes.filter((n) => !isPrime(n))).toEqual([]);
  });

  it("equals trial division up to 2^32", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 32 - 1 }), (n) => {
        let prime = n > 1;
        for (let d = 2; d * d <= n && prime; d++) prime = n % d !== 0;
        expect(isPrime(n)).toBe(prime);
      }),
      { numRuns: 300 },
    );
  });
});

describe("distinctPrimes", () => {
  it("makes one ascending chain of consecutive primes over layers, orders and heads where sizes are equal", () => {
    const chain = distinctPrimes(3, [1000, 1000], 4).flat(2);
    const expected: number[] = [];
    for (let n = 1000; expected.length < 24; n++) if (isPrime(n)) expected.push(n);
    expect(chain).toEqual(expected);
  });

  it("equals the rule of the reference for any sizes: the next prime from the size upward that none took before", () => {
    const sizes = fc.array(fc.integer({ min: 2, max: 400 }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 4 }), sizes, fc.integer({ min: 1, max: 12 }), (layers, bases, heads) => {
        const seen = new Set<number>();
        const expected = Array.from({ length: layers }, () =>
          bases.map((base) => {
            let cursor = base - 1;
            return Array.from({ length: heads }, () => {
              do cursor++;
              while (!isPrime(cursor) || seen.has(cursor));
              seen.add(cursor);
              return cursor;
            });
          }),
        );
        expect(distinctPrimes(layers, bases, heads)).toEqual(expected);
      }),
    );
  });
});
