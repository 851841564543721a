// The models that trainers are compared on: memory and experts in each. `nano` and `small` are the presets of `engram
// train`; the others are named by their parameters outside the tables. Not here: the vocabulary, which is the text's.

import { type BlockInput, type ModelSpec, modelBuilder } from "@engram-ts/core";

/** What of a tokenizer a model's shape depends on. */
export interface TrainingVocabulary {
  /** Ids are below this. */
  readonly vocabSize: number;
  /** Ids after compression, which tables are addressed by. */
  readonly compressed: number;
  /** The compressed id that stands for nothing before the text. */
  readonly padId: number;
}

/** Sizes of a model. */
interface TrainingModel {
  readonly width: number;
  readonly contextTokens: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly blocks: number;
  /** Residual streams; hyper-connections where there are several. */
  readonly streams: number;
  readonly denseWidth: number;
  readonly experts: number;
  readonly expertWidth: number;
  readonly topK: number;
  /** Blocks with a table. */
  readonly tables: readonly number[];
  /** Slots of each order and head. */
  readonly slots: number;
  readonly rowWidth: number;
}

/** Name of a model. */
export type TrainingModelName = keyof typeof MODELS;

const small = { contextTokens: 512, heads: 4, kvHeads: 4, streams: 2, topK: 2, tables: [1], rowWidth: 16 } as const;
const large = { contextTokens: 1_024, streams: 1, tables: [1, 2] } as const;

const MODELS = {
  // for trying the program, in moments on any engine
  tiny: {
    ...{ ...small, width: 16, contextTokens: 64, heads: 2, kvHeads: 1, blocks: 2, denseWidth: 32 },
    ...{ experts: 4, expertWidth: 12, slots: 50, rowWidth: 4 },
  },
  nano: { ...small, width: 64, blocks: 2, denseWidth: 192, experts: 4, expertWidth: 48, slots: 5_000 },
  small: { ...small, width: 128, blocks: 3, denseWidth: 384, experts: 8, expertWidth: 96, slots: 20_000 },
  "6m": {
    ...{ ...large, width: 256, heads: 8, kvHeads: 4, blocks: 6, denseWidth: 768 },
    ...{ experts: 8, expertWidth: 96, topK: 2, slots: 20_000, rowWidth: 32 },
  },
  "30m": {
    ...{ ...large, width: 512, heads: 8, kvHeads: 4, blocks: 8, denseWidth: 1_536 },
    ...{ experts: 8, expertWidth: 192, topK: 2, slots: 20_000, rowWidth: 64 },
  },
  "120m": {
    ...{ ...large, width: 768, heads: 12, kvHeads: 4, blocks: 12, denseWidth: 2_304 },
    ...{ experts: 16, expertWidth: 208, topK: 4, slots: 20_000, rowWidth: 96 },
  },
} as const satisfies Readonly<Record<string, TrainingModel>>;

const HEADS_PER_ORDER = 4;

/** The names, for the command line. */
export const TRAINING_MODEL_NAMES = Object.keys(MODELS) as readonly TrainingModelName[]; // its own keys

/** A model's specification, for a vocabulary. Rows are float32, as they are trained. */
export function trainingModel(name: TrainingModelName, vocabulary: TrainingVocabulary): ModelSpec {
  const model: TrainingModel = MODELS[name];
  const { vocabSize, compressed, padId } = vocabulary;
  const { width, contextTokens, heads, kvHeads, streams, slots, rowWidth } = model;
  const { experts: routedExperts, expertWidth, topK } = model;
  const mixture = { kind: "moe", routedExperts, sharedExperts: 1, expertWidth, topK } as const;
  let builder = modelBuilder({ name, vocabSize, width, contextTokens, head: "tied" })
    .memory(
      {
        kind: "engram",
        vocabSize: compressed,
        seed: 0,
        tableSizes: [slots, slots],
        headsPerOrder: HEADS_PER_ORDER,
        padId,
      },
      { kind: "f32", width: rowWidth },
    )
    .each({ attention: { kind: "gqa", heads, kvHeads, headDim: width / heads }, feedForward: mixture });
  if (streams > 1) builder = builder.streams({ kind: "mhc", count: streams, sinkhornIterations: 5 });
  for (let layer = 0; layer < model.blocks; layer++) {
    const block: BlockInput = {
      ...(layer === 0 && { feedForward: { kind: "dense", hiddenWidth: model.denseWidth } }),
      ...(model.tables.includes(layer) && { engram: { kind: "engram" } }),
    };
    builder = builder.block(block);
  }
  return builder.build();
}
