// How large each scale trains: models, batches, tokens, seeds. Learning rates were chosen by the experiment `learning-rate`,
// one for each size, equal for models with and without a table. Not here: what is compared.

import type { TrainingConfigInput } from "@engram-ts/train";
import type { Cell } from "../cell.js";
import type { Scale } from "../experiment.js";
import type { AllocationBudget } from "./allocated-model.js";
import type { ModelSizes } from "./experiment-model.js";

/** What all experiments of a scale share. */
export interface ScaleSizes {
  /** The first one is that of experiments that compare at one size. */
  readonly budgets: readonly AllocationBudget[];
  /** Peak learning rates, by budget. */
  readonly learningRates: Readonly<Record<string, number>>;
  /** What matrices inside blocks are trained by. */
  readonly matrices: "muon" | "adamw";
  readonly seeds: readonly number[];
  readonly batch: Cell["batch"];
  /** Tokens that a cell is trained on. */
  readonly tokens: number;
  readonly heldOutTokens: number;
}

const tables = {
  blocks: [1],
  maxOrder: 3,
  headsPerOrder: 4,
  rowWidth: 16,
  compression: true,
  convolution: true,
} as const;

const nano: ModelSizes = {
  ...{ width: 32, heads: 2, blocks: 2, streams: 1, denseWidth: 96, experts: 34, expertWidth: 16 },
  ...{ sharedExperts: 1, topK: 2, contextTokens: 64 },
};
const small: ModelSizes = {
  ...{ width: 96, heads: 3, blocks: 3, streams: 1, denseWidth: 384, experts: 186, expertWidth: 64 },
  ...{ sharedExperts: 1, topK: 2, contextTokens: 256 },
};
const middle: ModelSizes = {
  ...{ width: 160, heads: 5, blocks: 4, streams: 1, denseWidth: 640, experts: 144, expertWidth: 64 },
  ...{ sharedExperts: 1, topK: 2, contextTokens: 256 },
};

/** Sizes by scale. */
export const EXPERIMENT_SIZES: Readonly<Record<Scale, ScaleSizes>> = {
  miniature: {
    budgets: [{ name: "nano", sizes: nano, tables: { ...tables, rowWidth: 8 } }],
    learningRates: { nano: 4e-3 },
    matrices: "adamw",
    seeds: [1, 2],
    batch: { rows: 4, length: 32 },
    tokens: 512,
    heldOutTokens: 512,
  },
  cpu: {
    budgets: [{ name: "small", sizes: small, tables }],
    learningRates: { small: 3e-3 },
    matrices: "adamw",
    seeds: [1, 2, 3],
    batch: { rows: 8, length: 128 },
    tokens: 524_288,
    heldOutTokens: 65_536,
  },
  gpu: {
    budgets: [
      { name: "small", sizes: small, tables },
      { name: "middle", sizes: middle, tables },
    ],
    learningRates: { small: 16e-3, middle: 16e-3 },
    matrices: "muon",
    seeds: [1, 2, 3],
    batch: { rows: 16, length: 256 },
    tokens: 2_097_152,
    heldOutTokens: 262_144,
  },
};

/** The training of a cell: a short warm-up, a cosine down to a tenth; rows have five times the rate, by default. */
export function experimentTraining(
  { batch, tokens, learningRates, matrices }: ScaleSizes,
  budget: string,
  options: Partial<Pick<ScaleSizes, "tokens" | "matrices">> & { readonly learningRate?: number } = {},
): TrainingConfigInput {
  const steps = Math.max(1, Math.round((options.tokens ?? tokens) / (batch.rows * batch.length)));
  return {
    steps,
    learningRate: options.learningRate ?? learningRates[budget] ?? 3e-3,
    matrices: options.matrices ?? matrices,
    schedule: { kind: "cosine", warmupSteps: Math.ceil(steps / 20), floor: 0.1 },
  };
}
