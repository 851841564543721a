// A seeded order: the same seed and epoch give the same permutation on every machine. Whole-number arithmetic only.
// The generator is sfc32 (Doty-Humphrey's PractRand): 128 bits of state, plenty for shuffling, no use for secrets.
// Not here: who reads which part of an epoch (token-source.ts).

/** The numbers 0 to `count` - 1 in an order that `seed` and `epoch` determine, [count]. */
export function shuffledOrder(count: number, seed: number, epoch: number): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  const next = sfc32(seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0, epoch >>> 0);
  for (let last = count - 1; last > 0; last--) {
    // The bias of scaling is below count / 2^32.
    const other = Math.floor((next() / 2 ** 32) * (last + 1));
    const moved = order[last] ?? 0;
    order[last] = order[other] ?? 0;
    order[other] = moved;
  }
  return order;
}

function sfc32(first: number, second: number, third: number): () => number {
  let [a, b, c, counter] = [first | 0, second | 0, third | 0, 1];
  const next = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  // Similar seeds differ in every bit after a dozen rounds.
  for (let round = 0; round < 15; round++) next();
  return next;
}
