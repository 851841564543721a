// The bound of the random halves of the multipliers, common to all kinds. Not the draw itself: numpy-random.ts and
// splitmix.ts.

/**
 * Multipliers are 2 r + 1 with r below this: floor(floor((2^63 - 1) / vocabSize) / 2), at least 1. A product of a
 * token id and a multiplier is then below 2^63, so no hash ever overflows a signed 64-bit integer. Note that one id
 * more or less in the vocabulary changes every multiplier, that is: every row id.
 */
export function multiplierHalfBound(vocabSize: number): bigint {
  const half = (2n ** 63n - 1n) / BigInt(vocabSize) / 2n;
  return half > 1n ? half : 1n;
}

/** What each layer adds to the seed, times its number. */
export const LAYER_SEED_STEP = 10_007n;
