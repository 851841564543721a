// How often a model recalls: sequences of a task with so many pairs in so many tokens, each key asked once at the end, over
// real text that was not trained on. An answer is right where both of its tokens are the model's first guess, which is what
// generating them would give. Pairs that do not fit into a length are left out.

import { seeded } from "../../statistics/seeded.js";
import type { Probe } from "../probe.js";
import { predictions } from "./predictions.js";
import { asJson, countOption, countsOption } from "./probe-json.js";
import type { ProbedModel } from "./probed-model.js";
import {
  needleSentence,
  packedSequences,
  RECALL_TASKS,
  type RecallSequence,
  type RecallTask,
  recallSequence,
  recallTokens,
} from "./recall-task.js";
import { RECALL_SIDES, textFiller } from "./recall-text.js";
import { recallWords } from "./recall-words.js";

/** One setting of a task. */
export interface RecallPoint {
  readonly task: RecallTask;
  /** Whether the keys are those of training, or new ones of the same tokens. */
  readonly keys: "trained" | "fresh";
  readonly length: number;
  readonly pairs: number;
  readonly answers: number;
  /** Share of answers that are right. */
  readonly accuracy: number;
  /** Nats of an answer's token, the mean. */
  readonly loss: number;
}

/** What the probe gives. */
export interface RecallResult {
  readonly points: readonly RecallPoint[];
}

/** Tokens that run at once. */
const BATCH_TOKENS = 4096;

/**
 * Options: `lengths` in tokens, default 64 and 128; `pairs`, default 4 and 8; `answers` of each point, at least, default 128;
 * `sides` of words, as the text that was trained on has them.
 */
export const recallProbe: Probe = {
  name: "recall",
  async run({ cell, model, tables, tokenizer, heldOut }, options) {
    const lengths = countsOption(options, "lengths", [64, 128]);
    const counts = countsOption(options, "pairs", [4, 8]);
    const least = countOption(options, "answers", 128);
    const words = recallWords(tokenizer, countOption(options, "sides", RECALL_SIDES));
    const sentence = needleSentence(tokenizer);
    const points: RecallPoint[] = [];
    for (const keys of ["trained", "fresh"] as const) {
      const own = keys === "trained" ? words.keys : words.freshKeys;
      for (const task of RECALL_TASKS) {
        for (const length of lengths) {
          for (const pairs of counts) {
            if (2 * pairs * recallTokens(task, sentence) > length || pairs > own.length) continue;
            const random = seeded(Math.imul(cell.seed + 7, 0x85eb_ca6b) ^ (length * 64 + pairs));
            const filler = textFiller(heldOut, random);
            const common = { task, length, pairs, queries: pairs, keys: own, values: words.values };
            const sequences = Array.from({ length: Math.ceil(least / pairs) }, () =>
              recallSequence({ ...common, sentence, filler, random }),
            );
            points.push({ task, keys, length, pairs, ...(await recalled({ model, tables }, sequences)) });
          }
        }
      }
    }
    const result: RecallResult = { points };
    return asJson(result);
  },
};

/** Asks a model; sequences have equal lengths. */
export async function recalled<T>(
  probed: ProbedModel<T>,
  sequences: readonly RecallSequence[],
): Promise<{ readonly answers: number; readonly accuracy: number; readonly loss: number }> {
  const length = sequences[0]?.ids.length ?? 1;
  const most = Math.max(1, Math.floor(BATCH_TOKENS / length));
  let [answers, right, nats] = [0, 0, 0];
  for (let from = 0; from < sequences.length; from += most) {
    const some = sequences.slice(from, from + most);
    const { places, losses, hits } = await predictions(probed, packedSequences(some));
    const hit = new Set(places.filter((_, at) => hits[at] === 1));
    for (const loss of losses) nats += loss;
    for (const [s, { answers: own }] of some.entries()) {
      answers += own.length;
      right += own.filter((place) => hit.has(s * length + place) && hit.has(s * length + place + 1)).length;
    }
  }
  return { answers, accuracy: right / answers, loss: nats / (2 * answers) };
}
