// Writes a model specification in code, block after block. A builder is a value: each call gives a new one, so a common
// beginning can go on in two ways. What it adds to the short form in JSON: the layers of the addressing are those blocks
// that are given an engram. Checks nothing itself; `build` has the whole specification checked.

import type { AddressingConfig } from "../addressing/addressing-config.js";
import type { RowEncoding } from "../rows/encoding.js";
import type { BlockKindOptions } from "./block-kinds.js";
import type { ModelSpec } from "./model-spec.js";
import type { BlockInput, ModelSpecInput, StreamsInput } from "./spec-input.js";
import { parseModelSpec } from "./spec-parse.js";

/** What a builder starts from. */
export type ModelBuilderOptions = Omit<ModelSpecInput, "version" | "streams" | "memory" | "blocks"> & BlockKindOptions;

/** An addressing without its layers, which a builder knows. */
export type BuilderAddressing = OmitEach<AddressingConfig, "layers">;

/** A block as a builder takes it. */
export type BuilderBlock = Omit<BlockInput, "repeat">;

/** See {@link modelBuilder}. */
export interface ModelBuilder {
  /** How blocks write into the residual; a plain residual where this is not called. */
  streams(streams: StreamsInput): ModelBuilder;
  /** The tables of the blocks that have an engram. */
  memory(addressing: BuilderAddressing, encoding: RowEncoding): ModelBuilder;
  /** What the blocks added from here on have, where they do not say otherwise. */
  each(parts: Omit<BuilderBlock, "engram">): ModelBuilder;
  /** Adds a block. */
  block(block?: BuilderBlock): ModelBuilder;
  /** Adds equal blocks without engrams. */
  blocks(count: number, block?: Omit<BuilderBlock, "engram">): ModelBuilder;
  /**
   * The checked specification.
   * @throws EngramError `invalid-config` as `parseModelSpec`.
   */
  build(): ModelSpec;
}

/**
 * Starts a model without blocks.
 * @example
 * const spec = modelBuilder({ vocabSize: 256, width: 64, contextTokens: 512 })
 *   .streams({ kind: "mhc", count: 4 })
 *   .memory({ kind: "engram", vocabSize: 256, seed: 0, tableSizes: [1000, 1000], headsPerOrder: 4, padId: 0 },
 *     { kind: "bf16", width: 16 })
 *   .each({ attention: { kind: "gqa", heads: 4, headDim: 16 }, feedForward: { kind: "dense", hiddenWidth: 160 } })
 *   .block()
 *   .block({ engram: { kind: "engram" } })
 *   .blocks(6)
 *   .build();
 */
export function modelBuilder(options: ModelBuilderOptions): ModelBuilder {
  const { kinds, attention, feedForward, ...rest } = options;
  const each = { ...(attention && { attention }), ...(feedForward && { feedForward }) };
  return builder({ input: rest, each, blocks: [], ...(kinds && { kinds }) });
}

interface BuilderState extends BlockKindOptions {
  readonly input: Omit<ModelSpecInput, "blocks" | "memory">;
  readonly memory?: { readonly addressing: BuilderAddressing; readonly encoding: RowEncoding };
  readonly each: Omit<BuilderBlock, "engram">;
  readonly blocks: readonly BlockInput[];
}

function builder(state: BuilderState): ModelBuilder {
  const { input, memory, each, blocks, kinds } = state;
  const add = (block: BlockInput) => builder({ ...state, blocks: [...blocks, { ...each, ...block }] });
  return {
    streams: (streams) => builder({ ...state, input: { ...input, streams } }),
    memory: (addressing, encoding) => builder({ ...state, memory: { addressing, encoding } }),
    each: (parts) => builder({ ...state, each: { ...each, ...parts } }),
    block: (block = {}) => add(block),
    blocks: (count, block = {}) => add({ ...block, repeat: count }),
    build() {
      let at = 0;
      const layers: number[] = [];
      for (const { engram, repeat = 1 } of blocks) {
        if (engram !== undefined) layers.push(at);
        at += repeat;
      }
      const tables = memory && { encoding: memory.encoding, addressing: { ...memory.addressing, layers } };
      return parseModelSpec(
        { ...input, ...(tables && { memory: tables }), blocks },
        kinds === undefined ? {} : { kinds },
      );
    },
  };
}

/** `Omit` for each member of a union. */
type OmitEach<Union, Field extends PropertyKey> = Union extends unknown ? Omit<Union, Field> : never;
