// Taking a cell's table away, task by task: its held-out text, those phrases of it that the training text has often (facts, as
// far as a text of a few million tokens has any), copying random tokens within a sequence, and, where the cell was trained on
// tasks of recall, recalling values by their keys.

import { evaluationBatches } from "@engram-ts/train";
import { seeded } from "../../statistics/seeded.js";
import type { Probe, TrainedCell } from "../probe.js";
import { onlyFrequent } from "./completed-phrases.js";
import { copyTask } from "./copy-task.js";
import { asJson, countOption } from "./probe-json.js";
import { needleSentence, packedSequences, RECALL_TASKS, recallSequence, recallTokens } from "./recall-task.js";
import { textFiller } from "./recall-text.js";
import { recallWords } from "./recall-words.js";
import { unigramOf } from "./unigram.js";
import { type ProbedTask, type TaskOutcome, zeroedTable } from "./zeroed-table.js";

/** What the probe gives. */
export interface ZeroedTableResult {
  readonly tasks: readonly TaskOutcome[];
}

/** Length of a frequent phrase, and how often the training text has it. */
const FREQUENT = { order: 4, least: 16 } as const;
/** Pairs of a sequence of recall, or as many as a row takes. */
const RECALLED_PAIRS = 4;

/**
 * Options: `tokens` of held-out text, default 16,384; copying takes as many; `segment` tokens are copied, default 32 or
 * what half a row takes; `sides` of the words that the cell was trained to recall.
 */
export const zeroedTableProbe: Probe = {
  name: "zeroed-table",
  async run(trained, options) {
    const { cell, model, tables, training, heldOut } = trained;
    const maxTokens = countOption(options, "tokens", 16_384);
    const length = countOption(options, "segment", Math.min(32, Math.floor(cell.batch.length / 2)));
    const batches = [...evaluationBatches(heldOut, { ...cell.batch, packing: "rows", maxTokens })];
    const unigram = unigramOf(training, model.spec.vocabSize);
    const sequences = Math.max(1, Math.floor((cell.batch.rows * cell.batch.length) / (2 * length)));
    const copies = Array.from({ length: Math.ceil(maxTokens / (2 * length * sequences)) }, (_, i) => ({
      ...{ length, sequences, seed: cell.seed * 1000 + i },
    }));
    const drawn = (random: () => number, count: number) => Array.from({ length: count }, () => unigram.draw(random));
    const frequent = batches.map((batch) => onlyFrequent(batch, training, FREQUENT));
    const tasks: ProbedTask[] = [
      { name: "held-out text", kind: "text", batches },
      { name: "frequent phrases", kind: "factual", batches: frequent },
      { name: "copied random tokens", kind: "contextual", batches: copies.map((one) => copyTask(one, drawn)) },
      ...(options.sides === undefined ? [] : recallTasks(trained, countOption(options, "sides", 1), maxTokens)),
    ];
    const asked = tasks.filter((task) => task.batches.some(({ targets }) => targets.some((target) => target >= 0)));
    const result: ZeroedTableResult = {
      tasks: await zeroedTable({ model, tables }, { tasks: asked, unigram, seed: cell.seed }),
    };
    return asJson(result);
  },
};

/** Both tasks of recall in rows as long as those of training; from guessing among all values' tokens. */
function recallTasks<T>({ cell, tokenizer, heldOut }: TrainedCell<T>, sides: number, tokens: number): ProbedTask[] {
  const { keys, values } = recallWords(tokenizer, sides);
  const sentence = needleSentence(tokenizer);
  const { length } = cell.batch;
  return RECALL_TASKS.flatMap((task) => {
    const pairs = Math.min(RECALLED_PAIRS, keys.length, Math.floor(length / (2 * recallTokens(task, sentence))));
    if (pairs === 0) return [];
    const random = seeded(cell.seed);
    const filler = textFiller(heldOut, random);
    const sequences = Array.from({ length: Math.ceil(tokens / length) }, () =>
      recallSequence({ task, length, pairs, queries: pairs, keys, values, sentence, filler, random }),
    );
    const batches = Array.from({ length: Math.ceil(sequences.length / cell.batch.rows) }, (_, i) =>
      packedSequences(sequences.slice(i * cell.batch.rows, (i + 1) * cell.batch.rows)),
    );
    const name = `recalled ${task}`;
    return [{ name, kind: "contextual", batches, base: Math.log(sides) } as const];
  });
}
