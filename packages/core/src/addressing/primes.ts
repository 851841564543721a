// Primes below 2^32 and the chain of distinct ones that size the heads' tables. Exact and without BigInt. Not a sieve:
// a config asks for tens of primes, rarely for thousands.

const SMALL_PRIMES = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37] as const;

/** a * b mod n for a, b < n <= 2^32: every intermediate stays below 2^49, so doubles are exact. */
function multiplyModulo(a: number, b: number, n: number): number {
  const high = (a * Math.floor(b / 65_536)) % n;
  return (high * 65_536 + a * (b % 65_536)) % n;
}

/** Whether the whole number `n` from 0 to 2^32 is prime. Miller-Rabin to the bases 2, 7, 61 is exact below 4,759,123,141. */
export function isPrime(n: number): boolean {
  if (n < 2) return false;
  for (const p of SMALL_PRIMES) if (n % p === 0) return n === p;
  if (n < 37 * 37) return true;
  let odd = n - 1;
  let twos = 0;
  while (odd % 2 === 0) {
    odd /= 2;
    twos++;
  }
  return [2, 7, 61].every((base) => {
    let power = 1;
    let square = base;
    for (let exponent = odd; exponent > 0; exponent = Math.floor(exponent / 2)) {
      if (exponent % 2 === 1) power = multiplyModulo(power, square, n);
      square = multiplyModulo(square, square, n);
    }
    if (power === 1) return true;
    for (let i = 0; i < twos; i++) {
      if (power === n - 1) return true;
      power = multiplyModulo(power, power, n);
    }
    return false;
  });
}

/**
 * The table sizes of every head, [layers][orders][heads]: for each layer, order and head in turn the next prime from
 * the order's least size upward that no layer, order or head took before (`engram_demo_v1.py`). With equal sizes this
 * is one ascending chain over all heads, which is Qwen's rule too: head g, counted over all layers, takes the
 * (g + 1)-th prime. For unequal sizes Qwen's rule says nothing; the chain is used there as well.
 */
export function distinctPrimes(layers: number, tableSizes: readonly number[], headsPerOrder: number): number[][][] {
  const taken = new Set<number>();
  const reached = new Map<number, number>(); // per size: every prime below this is taken, so no search starts over
  return Array.from({ length: layers }, () =>
    tableSizes.map((size) =>
      Array.from({ length: headsPerOrder }, () => {
        let candidate = reached.get(size) ?? size;
        while (taken.has(candidate) || !isPrime(candidate)) candidate++;
        taken.add(candidate);
        reached.set(size, candidate + 1);
        return candidate;
      }),
    ),
  );
}
