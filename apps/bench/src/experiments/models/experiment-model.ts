// The models of the experiments: small ones with experts and a table, all made from a handful of sizes. One dense block, as
// the paper's models begin, then blocks with experts; tables in the blocks that are named. Not here: which sizes are fair to
// compare (allocated-model.ts), nor what is compared.

import { type ModelSpec, modelBuilder } from "@engram-ts/core";
import type { ExperimentVocabulary } from "../experiment.js";

/** Sizes of a model. */
export interface ModelSizes {
  readonly width: number;
  readonly heads: number;
  readonly blocks: number;
  /** Streams of the residual; 1 for a plain one. */
  readonly streams: number;
  /** Hidden values of the first block's feed-forward, which is dense. */
  readonly denseWidth: number;
  /** Routed experts of each other block. */
  readonly experts: number;
  readonly expertWidth: number;
  readonly sharedExperts: number;
  readonly topK: number;
  readonly contextTokens: number;
}

/** The tables of a model. */
export interface TableSizes {
  /** Blocks that read a table each, from 0. */
  readonly blocks: readonly number[];
  /** Orders from 2 up to this. */
  readonly maxOrder: number;
  /** Rows of each head of each order. */
  readonly slots: number;
  readonly headsPerOrder: number;
  readonly rowWidth: number;
  /** Whether tokens are compressed before they are hashed. */
  readonly compression: boolean;
  readonly convolution: boolean;
}

const CONVOLUTION_KERNEL = 4;

/** The model of these sizes, without tables where none are given. */
export function experimentModel(
  name: string,
  sizes: ModelSizes,
  tables: TableSizes | undefined,
  { vocabSize, compressed, padId }: ExperimentVocabulary,
): ModelSpec {
  const { width, heads, blocks, streams, denseWidth, experts, expertWidth, sharedExperts, topK, contextTokens } = sizes;
  const attention = { kind: "gqa", heads, headDim: width / heads } as const;
  const mixture = { kind: "moe", routedExperts: experts, sharedExperts, expertWidth, topK } as const;
  let builder = modelBuilder({ name, vocabSize, width, contextTokens, head: "tied" }).each({
    attention,
    feedForward: mixture,
  });
  if (streams > 1) builder = builder.streams({ kind: "mhc", count: streams, sinkhornIterations: 5 });
  if (tables !== undefined) {
    const { maxOrder, slots, headsPerOrder, rowWidth, compression } = tables;
    const size = compression ? { vocabSize: compressed, padId } : { vocabSize, padId: 0 };
    builder = builder.memory(
      {
        ...{ kind: "engram", seed: 0, headsPerOrder, ...size },
        tableSizes: Array.from({ length: maxOrder - 1 }, () => slots),
      },
      { kind: "f32", width: rowWidth },
    );
  }
  for (let layer = 0; layer < blocks; layer++) {
    const convolution = tables?.convolution ? { kernel: CONVOLUTION_KERNEL, dilation: tables.maxOrder } : null;
    builder = builder.block({
      ...(layer === 0 && { feedForward: { kind: "dense", hiddenWidth: denseWidth } }),
      ...(tables?.blocks.includes(layer) && { engram: { kind: "engram", convolution } }),
    });
  }
  return builder.build();
}
