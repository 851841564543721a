// Every parameter of a model by name and shape, in the order in which a forward meets them. The names are this package's
// own; those of PyTorch and Hugging Face checkpoints are mapped where checkpoints are read and written.
//
//   embedding.weight                        [vocabSize, d]
//   blocks.I.engram.table                   [rows, rowWidth], in a store, not in memory
//   blocks.I.engram.NAME                    key.weight, value.weight, keyNorm.weight, ... (parameters-engram.ts)
//   blocks.I.attentionStreams.NAME          projection.weight, projection.bias, scale; none for a plain residual
//   blocks.I.attentionNorm.weight           [d]
//   blocks.I.attention.NAME                 as its kind names them (block-kinds-*.ts)
//   blocks.I.feedForwardStreams.NAME, blocks.I.feedForwardNorm.weight, blocks.I.feedForward.NAME
//   norm.weight                             [d]
//   head.weight                             [vocabSize, d], not where the head is tied

import { deriveLayers } from "../addressing/derive-layers.js";
import type { ModelShape } from "./block-kind.js";
import { type BlockKindOptions, kindOf } from "./block-kinds.js";
import type { AttentionSpec, BlockSpec, FeedForwardSpec, MemorySpec, ModelSpec } from "./model-spec.js";
import { engramParameters, streamsParameters } from "./parameters-engram.js";
import type { ParameterShape } from "./parameters-shape.js";

/** A table of a model. */
export interface MemoryTable {
  /** The block that reads it. */
  readonly layer: number;
  readonly rows: number;
}

/** The tables of a memory, in the order of `addressing.layers`. */
export function memoryTables(memory: MemorySpec): readonly MemoryTable[] {
  return deriveLayers(memory.addressing).map(({ layer, rows }) => ({ layer, rows }));
}

/** Rows that one token looks up in each table. */
export function rowsPerToken({ addressing }: MemorySpec): number {
  return addressing.tableSizes.length * addressing.headsPerOrder;
}

/** Values of one token's rows of one table together. */
export function memoryWidth(memory: MemorySpec): number {
  return rowsPerToken(memory) * memory.encoding.width;
}

/**
 * Every parameter of a model, tables included.
 * @param options `kinds`: the user's own kinds that the specification names.
 * @throws EngramError `invalid-argument` where a kind is missing.
 */
export function modelParameters(spec: ModelSpec, options: BlockKindOptions = {}): readonly ParameterShape[] {
  const { width, vocabSize, memory } = spec;
  const tables = memory === undefined ? [] : memoryTables(memory);
  return [
    {
      name: "embedding.weight",
      shape: [vocabSize, width],
      component: "embedding",
      activatedShare: spec.head === "tied" ? 1 : 1 / vocabSize, // a tied one is the head, too
      initial: "normal",
      ...(spec.head === "tied" ? {} : { lookedUp: true }),
    },
    ...spec.blocks.flatMap((block, i) => [
      ...(memory === undefined || block.engram === undefined
        ? []
        : [tableParameter(memory, tables.find((table) => table.layer === i)?.rows ?? 0, i)]),
      ...blockParameters(spec, block, options).map((one) => ({ ...one, name: `blocks.${i}.${one.name}` })),
    ]),
    normParameter("norm", width),
    ...(spec.head === "tied"
      ? []
      : [
          {
            name: "head.weight",
            shape: [vocabSize, width],
            component: "head",
            initial: "normal",
          } satisfies ParameterShape,
        ]),
  ];
}

/** The parameters of one block without its table, named within the block. */
export function blockParameters(
  spec: ModelShape & Pick<ModelSpec, "memory">,
  block: BlockSpec,
  options: BlockKindOptions = {},
): readonly ParameterShape[] {
  const { width, streams, memory } = spec;
  const within = (prefix: string, parameters: readonly ParameterShape[]) =>
    parameters.map((one) => ({ ...one, name: `${prefix}.${one.name}` }));
  const part = (slot: "attention" | "feedForward", own: AttentionSpec | FeedForwardSpec) => [
    ...within(`${slot}Streams`, streamsParameters(streams, width)),
    normParameter(`${slot}Norm`, width),
    ...within(slot, kindOf(slot, own, options).parameters(own, spec)),
  ];
  const engram =
    block.engram === undefined || memory === undefined
      ? []
      : engramParameters(block.engram, { width, streams: streams.count, memoryWidth: memoryWidth(memory) });
  return [
    ...within("engram", engram),
    ...part("attention", block.attention),
    ...part("feedForward", block.feedForward),
  ];
}

function tableParameter(memory: MemorySpec, rows: number, layer: number): ParameterShape {
  return {
    name: `blocks.${layer}.engram.table`,
    shape: [rows, memory.encoding.width],
    component: "engram tables",
    activatedShare: rowsPerToken(memory) / rows,
    lookedUp: true,
    initial: "normal",
  };
}

function normParameter(name: string, width: number): ParameterShape {
  return { name: `${name}.weight`, shape: [width], component: "norms", initial: "ones" };
}
