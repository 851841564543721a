// Phrase recall as a cell asks for it: of its held-out text, and of as much of the text that it was trained on.

import { evaluationBatches } from "@engram-ts/train";
import type { Probe } from "../probe.js";
import { type PhraseRecall, phraseRecall } from "./phrase-recall.js";
import { asJson, countOption, countsOption } from "./probe-json.js";

/** What the probe gives. */
export interface PhraseRecallResult {
  readonly heldOut: PhraseRecall;
  readonly training: PhraseRecall;
}

/** Options: `tokens` of each text, default 16,384; `orders`, default 3 and 4. */
export const phraseRecallProbe: Probe = {
  name: "phrase-recall",
  async run(trained, options) {
    const { cell, model, tables, training, heldOut } = trained;
    const maxTokens = countOption(options, "tokens", 16_384);
    const orders = countsOption(options, "orders", [3, 4]);
    const recall = async (text: typeof training) => {
      const batches = evaluationBatches(text, { ...cell.batch, packing: "rows", maxTokens });
      return phraseRecall({ model, tables }, { batches, training, orders });
    };
    const result: PhraseRecallResult = { heldOut: await recall(heldOut), training: await recall(training) };
    return asJson(result);
  },
};
