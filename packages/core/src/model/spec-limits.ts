// The bounds of every number in a model specification: far above any published model, low enough that sizes stay exact
// and nothing foreign makes us allocate without end.

/** Bounds of the fields of a model specification. */
export const MODEL_LIMITS = {
  vocabSize: 2 ** 24,
  width: 2 ** 16,
  contextTokens: 2 ** 27,
  blocks: 1024,
  streams: 16,
  sinkhornIterations: 1000,
  heads: 1024,
  headDim: 4096,
  rank: 2 ** 16,
  hiddenWidth: 2 ** 20,
  experts: 2 ** 16,
  kernel: 64,
  dilation: 1024,
  /** Characters of a name and of a description. */
  name: 200,
  description: 4000,
  /** Values of all parameters together: counts are exact doubles. */
  parameters: Number.MAX_SAFE_INTEGER,
} as const;

/** What an epsilon of a norm may be. */
export const EPSILON_RANGE = { least: 0, most: 1 } as const;
