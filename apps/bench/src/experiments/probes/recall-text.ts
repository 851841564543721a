// A training text in which values have to be recalled between rows of real text: a quarter of every batch's rows are text,
// the others tasks of recall (recall-task.ts), whole rows, halves and quarters of rows long, so that distances differ. Every
// batch has the same layout and follows from the seed and its number alone. Only answers count in a task.

import { createHash } from "node:crypto";
import { EngramError } from "@engram-ts/core";
import { evaluationBatches, IGNORED_TARGET, type TokenBatch } from "@engram-ts/train";
import { seeded } from "../../statistics/seeded.js";
import type { TextMaker } from "../text.js";
import { countOption } from "./probe-json.js";
import type { CountedText } from "./probed-model.js";
import { needleSentence, packedSequences, RECALL_TASKS, recallSequence, recallTokens } from "./recall-task.js";
import { recallWords } from "./recall-words.js";

/** First and second tokens of keys; there are as many keys as its square, but those kept from training. */
export const RECALL_SIDES = 8;

/** Options: `sides` of words, default 8; `mostPairs` of a task, default 16. Held out is the corpus as it is. */
export const recallText: TextMaker = ({ training, heldOut }, { batch, seed }, options) => {
  const sides = countOption(options, "sides", RECALL_SIDES);
  const mostPairs = countOption(options, "mostPairs", 16);
  const { tokenizer } = training;
  const { keys, values } = recallWords(tokenizer, sides);
  const sentence = needleSentence(tokenizer);
  const layout = layoutOf(batch);
  const make = (at: number): TokenBatch => {
    const random = seeded(Math.imul(seed, 0x9e37_79b1) ^ at);
    const filler = textFiller(training, random);
    const sequences = layout.map(({ length, kind }) => {
      if (kind === "text") {
        const words = filler(length + 1);
        const ids = Uint32Array.from({ length }, (_, t) => words[t] ?? 0);
        return { ids, targets: Int32Array.from({ length }, (_, t) => words[t + 1] ?? IGNORED_TARGET) };
      }
      const task = 2 * recallTokens(kind, sentence) > length ? "pairs" : kind; // sentences do not fit into the shortest
      const most = Math.floor(length / recallTokens(task, sentence));
      const pairs = 1 + Math.floor(random() * Math.max(1, Math.min(mostPairs, keys.length, Math.floor(most / 2))));
      const queries = pairs + Math.floor(random() * Math.max(1, most - 2 * pairs + 1));
      return recallSequence({ task, length, pairs, queries, keys, values, sentence, filler, random });
    });
    return packedSequences(sequences);
  };
  let at = 0;
  return {
    digest: createHash("sha256")
      .update(JSON.stringify([training.digest, heldOut.digest, batch, seed, sides, mostPairs]))
      .digest("hex"),
    tokens: Number.POSITIVE_INFINITY,
    source: {
      next: () => make(at++),
      state: () => ({ at }),
      restore(state) {
        const found = (state as { readonly at?: unknown } | null)?.at; // checked by the next line
        if (!Number.isSafeInteger(found) || Number(found) < 0) {
          const message = `the state is ${JSON.stringify(state)}; give one that the source gave`;
          throw new EngramError({ code: "invalid-argument", operation: "recallText", message });
        }
        at = Number(found);
      },
    },
    heldOut: (maxTokens) => evaluationBatches(heldOut, { ...batch, packing: "rows", maxTokens }),
  };
};

/** Runs of a text's tokens from places that random numbers choose. */
export function textFiller({ ids }: Pick<CountedText, "ids">, random: () => number) {
  return (tokens: number): Uint16Array | Uint32Array => {
    if (ids.length < tokens) {
      const message = `the text has ${ids.length} tokens, and ${tokens} are needed at once; give a longer text`;
      throw new EngramError({ code: "invalid-argument", operation: "recallText", message });
    }
    const from = Math.floor(random() * (ids.length - tokens + 1));
    return ids.subarray(from, from + tokens);
  };
}

/** Sequences of a batch, the longest first: equal lengths side by side are one operation of an engine. */
function layoutOf({ rows, length }: { readonly rows: number; readonly length: number }) {
  const texts = Math.max(1, Math.floor(rows / 4));
  const sequences = Array.from({ length: texts }, () => ({
    length,
    kind: "text" as "text" | (typeof RECALL_TASKS)[number],
  }));
  for (let row = texts; row < rows; row++) {
    const parts = 2 ** Math.floor((3 * (row - texts)) / (rows - texts));
    for (let part = 0; part < parts; part++) {
      sequences.push({ length: length / parts, kind: RECALL_TASKS[(row + part) % 2] ?? "pairs" });
    }
  }
  return sequences;
}
