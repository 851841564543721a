// Taking a cell's table away, task by task: its held-out text, those phrases of it that the training text has often (facts, as
// far as a text of a few million tokens has any), and copying within a sequence, of random tokens and of held-out text.

import { evaluationBatches } from "@engram-ts/train";
import type { Probe } from "../probe.js";
import { onlyFrequent } from "./completed-phrases.js";
import { copyTask, textSegments } from "./copy-task.js";
import { asJson, countOption } from "./probe-json.js";
import { unigramOf } from "./unigram.js";
import { type ProbedTask, type TaskOutcome, zeroedTable } from "./zeroed-table.js";

/** What the probe gives. */
export interface ZeroedTableResult {
  readonly tasks: readonly TaskOutcome[];
}

/** Length of a frequent phrase, and how often the training text has it. */
const FREQUENT = { order: 4, least: 16 } as const;

/**
 * Options: `tokens` of held-out text, default 16,384; copying takes as many; `segment` tokens are copied, default 32 or
 * what half a row takes.
 */
export const zeroedTableProbe: Probe = {
  name: "zeroed-table",
  async run({ cell, model, tables, training, heldOut }, options) {
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
      {
        name: "copied held-out text",
        kind: "contextual",
        batches: copies.map((one) => copyTask(one, textSegments(heldOut.ids))),
      },
    ];
    const asked = tasks.filter((task) => task.batches.some(({ targets }) => targets.some((target) => target >= 0)));
    const result: ZeroedTableResult = {
      tasks: await zeroedTable({ model, tables }, { tasks: asked, unigram, seed: cell.seed }),
    };
    return asJson(result);
  },
};
