// A new run, ready for its first step: its texts as tokens, its model, its record. Not here: steps (train-loop.ts).

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { buildTokenMap, compressIds, type ModelSpec } from "@engram-ts/core";
import { openTokenShards, type Tokenizer, type TrainingConfigInput } from "@engram-ts/train";
import { runConfig } from "./train-loop.js";
import { tokensFolder, writeTrainRun } from "./train-run.js";
import { type TrainVocabulary, trainSpec } from "./train-spec.js";
import type { TrainStore } from "./train-tables.js";
import { type TrainTextOptions, writeTrainText } from "./train-text.js";

/** What a run is made of. */
export interface PrepareTrainOptions extends TrainTextOptions {
  /** Its name, or a specification's file instead. */
  readonly preset?: string;
  readonly spec?: string;
  readonly steps: number;
  /** Rows of a batch, and tokens of a row. */
  readonly batch: { readonly rows: number; readonly length: number };
  /** Where rows lie while the run is open. Default `dram`. */
  readonly store?: TrainStore;
  /** What differs from the trainer's defaults; the schedule follows from the steps where it is left out. */
  readonly config?: Omit<TrainingConfigInput, "steps">;
}

/**
 * Makes a run's folder; tokens that are there already are used.
 * @returns the model, and how many tokens it is trained on.
 */
export async function prepareTrainRun(
  folder: string,
  options: PrepareTrainOptions,
): Promise<{ readonly spec: ModelSpec; readonly tokens: number }> {
  const { seed, batch, steps, config, store = "dram", report } = options;
  const tokens = tokensFolder(folder);
  const there = await stat(join(tokens, "tokens.json")).catch(() => undefined);
  if (there === undefined) await writeTrainText(tokens, options);
  else report?.(`${tokens} holds tokens already, which are used; remove it to read the texts anew`);
  const { tokenizer, ids } = await openTokenShards(tokens, "training");
  const spec = await trainSpec(options, vocabularyOf(tokenizer));
  const record = { format: "engram-ts run", version: 1, spec, seed, batch, store } as const;
  await writeTrainRun(folder, { ...record, config: { ...runConfig(steps), ...config } });
  return { spec, tokens: ids.length };
}

/** What of a tokenizer a model's shape depends on; its first id stands for nothing before a text. */
function vocabularyOf({ vocabulary, vocabSize }: Tokenizer): TrainVocabulary {
  const map = buildTokenMap(vocabulary);
  return { vocabSize, compressed: map.compressed, padId: compressIds(map, Uint32Array.of(0))[0] ?? 0 };
}
