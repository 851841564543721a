// The arms of the ablations: the reference, and what each changes of it. Tables have the same rows in all, of the same width,
// and each looks up as many for a token, whatever the orders.

import type { ModelSpec } from "@engram-ts/core";
import type { ExperimentVocabulary } from "./experiment.js";
import type { AllocationBudget } from "./models/allocated-model.js";
import { experimentModel, type ModelSizes, type TableSizes } from "./models/experiment-model.js";

/** What an arm changes, and what the paper says of it: worse, little changed, or nothing. */
interface Ablation {
  readonly what: string;
  readonly claim: "worse" | "little" | "none";
  readonly streams?: number;
  /** Blocks with a table; none for a model without. */
  readonly tables?: readonly number[];
  readonly maxOrder?: number;
  readonly compression?: boolean;
  readonly convolution?: boolean;
  /** The gate is a half for every token. */
  readonly constantGate?: boolean;
}

/** An arm by name. */
export type AblationArm = Ablation & { readonly arm: string };

/** All arms, the reference first. */
export const ABLATION_ARMS: readonly AblationArm[] = [
  { arm: "reference", what: "a table in block 1, orders 2 and 3, two streams", claim: "none" },
  { arm: "no table", what: "the same model without its table", claim: "worse", tables: [] },
  {
    arm: "constant gate",
    what: "key norms are 0, which gives every gate a half and no gradient",
    claim: "worse",
    constantGate: true,
  },
  { arm: "no compression", what: "n-grams of the tokenizer's own ids", claim: "worse", compression: false },
  { arm: "no convolution", what: "gate times value alone", claim: "little", convolution: false },
  { arm: "one stream", what: "a plain residual, and one key", claim: "none", streams: 1 },
  { arm: "one stream, no table", what: "a plain residual without a table", claim: "none", streams: 1, tables: [] },
  { arm: "block 0", what: "the table in the first block", claim: "worse", tables: [0] },
  { arm: "block 2", what: "the table in the third block", claim: "worse", tables: [2] },
  { arm: "block 3", what: "the table in the last block", claim: "worse", tables: [3] },
  { arm: "blocks 1 and 2", what: "two tables of half the rows", claim: "none", tables: [1, 2] },
  { arm: "order 2", what: "pairs alone, with twice the heads", claim: "none", maxOrder: 2 },
  {
    arm: "orders 2 to 4",
    what: "4-grams too, with two thirds of the heads of each order",
    claim: "worse",
    maxOrder: 4,
  },
];

const BLOCKS = 4;
/** Of the budget's experts. */
const EXPERT_SHARE = 1 / 4;
/** Rows that a table looks up for a token: 12, 6 or 4 heads for one, two or three orders. */
const LOOKED_UP = 12;
const ROW_WIDTH = 12;
/** Rows of all tables for each value of a model's width. */
const ROWS_OF_WIDTH = 1365;

/** The model of an arm, and what its parameters begin with where that is not as usual. */
export function ablationModel(
  { name, sizes }: AllocationBudget,
  ablation: Ablation,
  vocabulary: ExperimentVocabulary,
): { readonly spec: ModelSpec; readonly fill?: Readonly<Record<string, number>> } {
  const { streams = 2, tables = [1], maxOrder = 3, compression = true, convolution = true, constantGate } = ablation;
  const own: ModelSizes = {
    ...{ ...sizes, blocks: BLOCKS, streams },
    experts: Math.max(sizes.topK, Math.round(sizes.experts * EXPERT_SHARE)),
  };
  const headsPerOrder = LOOKED_UP / (maxOrder - 1);
  const slots = Math.floor((ROWS_OF_WIDTH * sizes.width) / LOOKED_UP / Math.max(1, tables.length));
  const table: TableSizes = {
    blocks: tables,
    maxOrder,
    slots,
    headsPerOrder,
    rowWidth: ROW_WIDTH,
    compression,
    convolution,
  };
  const spec = experimentModel(`${name}-ablation`, own, tables.length === 0 ? undefined : table, vocabulary);
  if (constantGate !== true) return { spec };
  return { spec, fill: Object.fromEntries(tables.map((block) => [`blocks.${block}.engram.keyNorm.weight`, 0])) };
}
