// The model that `engram train` trains: a preset that fits any tokenizer, or a specification from a file. Presets here are
// small models that train in minutes on a CPU. Not here: the published models (core's presets), which are far larger.

import { EngramError, type ModelSpec, modelBuilder, parseModelSpec } from "@engram-ts/core";
import { readJsonFile } from "../input-file.js";

/** What of a tokenizer a model's shape depends on. */
export interface TrainVocabulary {
  /** Ids are below this. */
  readonly vocabSize: number;
  /** Ids after compression, which tables are addressed by. */
  readonly compressed: number;
  /** The compressed id that stands for nothing before the text. */
  readonly padId: number;
}

/** Sizes of a preset. */
export interface TrainPreset {
  readonly description: string;
  readonly width: number;
  readonly heads: number;
  readonly blocks: number;
  readonly streams: number;
  readonly experts: number;
  readonly expertWidth: number;
  /** Blocks with a table; none for a model to compare with. */
  readonly tables: readonly number[];
  /** Slots of each order and head. */
  readonly slots: number;
  readonly rowWidth: number;
}

const nano = {
  width: 64,
  heads: 4,
  blocks: 2,
  streams: 2,
  experts: 4,
  expertWidth: 48,
  slots: 5000,
  rowWidth: 16,
} as const;
const small = { heads: 4, blocks: 3, streams: 2, experts: 8, expertWidth: 96, slots: 20_000, rowWidth: 16 } as const;

/** Models by name. */
export const TRAIN_PRESETS = {
  nano: { ...nano, tables: [1], description: "2 blocks of 64, 4 experts, one table of 40,000 rows" },
  "nano-plain": { ...nano, tables: [], description: "the same without a table, to compare with" },
  small: { ...small, width: 128, tables: [1], description: "3 blocks of 128, 8 experts, one table of 160,000 rows" },
  "small-plain": { ...small, width: 128, tables: [], description: "the same without a table, to compare with" },
  medium: {
    ...small,
    ...{ width: 256, blocks: 6, expertWidth: 192, slots: 100_000, tables: [1, 4], streams: 4 },
    description: "6 blocks of 256, 8 experts, two tables of 800,000 rows; better on a GPU",
  },
} as const satisfies Readonly<Record<string, TrainPreset>>;

const CONTEXT_TOKENS = 512;
const HEADS_PER_ORDER = 4;
const SPEC_LIMIT_BYTES = 2 ** 20;

/**
 * The model of a preset's name or a file.
 * @throws EngramError `invalid-argument` for an unknown name, `invalid-config` where a file's model does not fit the
 * tokenizer; what reading throws.
 */
export async function trainSpec(
  options: { readonly preset?: string; readonly spec?: string },
  vocabulary: TrainVocabulary,
): Promise<ModelSpec> {
  const { preset = "small", spec: file } = options;
  if (file === undefined) return presetSpec(preset, vocabulary);
  if (options.preset !== undefined) throw refused("give either --preset or --spec");
  const spec = parseModelSpec(await readJsonFile(file, SPEC_LIMIT_BYTES, "--spec"));
  const addressed = spec.memory?.addressing.vocabSize ?? spec.vocabSize;
  const { vocabSize, compressed } = vocabulary;
  if (spec.vocabSize >= vocabSize && (addressed === compressed || addressed === spec.vocabSize)) return spec;
  throw new EngramError({
    code: "invalid-config",
    operation: "engram train",
    message: `${file} has vocabSize ${spec.vocabSize}, and ${addressed} in its addressing; the tokenizer has ${vocabSize} ids, ${compressed} after compression. Write those into the file`,
    context: { vocabSize: spec.vocabSize, addressed, tokenizer: vocabSize, compressed },
  });
}

function presetSpec(name: string, { vocabSize, compressed, padId }: TrainVocabulary): ModelSpec {
  const preset: TrainPreset | undefined = Object.entries(TRAIN_PRESETS).find(([one]) => one === name)?.[1];
  if (preset === undefined) throw refused(`--preset is ${name}; use one of ${Object.keys(TRAIN_PRESETS).join(", ")}`);
  const { width, heads, blocks, streams, experts, expertWidth, tables, slots, rowWidth } = preset;
  const dense = { kind: "dense", hiddenWidth: 3 * width } as const;
  const attention = { kind: "gqa", heads, headDim: width / heads } as const;
  const mixture = { kind: "moe", routedExperts: experts, sharedExperts: 1, expertWidth, topK: 2 } as const;
  let builder = modelBuilder({ name, vocabSize, width, contextTokens: CONTEXT_TOKENS, head: "tied" })
    .streams({ kind: "mhc", count: streams, sinkhornIterations: 5 })
    .each({ attention, feedForward: mixture });
  if (tables.length > 0) {
    const addressing = { kind: "engram", vocabSize: compressed, seed: 0, tableSizes: [slots, slots] } as const;
    builder = builder.memory(
      { ...addressing, headsPerOrder: HEADS_PER_ORDER, padId },
      { kind: "f32", width: rowWidth },
    );
  }
  for (let layer = 0; layer < blocks; layer++) {
    builder = builder.block({
      ...(layer === 0 && { feedForward: dense }),
      ...(tables.includes(layer) && { engram: { kind: "engram" } }),
    });
  }
  return builder.build();
}

function refused(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: "engram train", message });
}
