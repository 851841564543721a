// The lens as a cell asks for it: over its held-out text.

import { evaluationBatches } from "@engram-ts/train";
import type { Probe } from "../probe.js";
import { logitLens } from "./logit-lens.js";
import { asJson, countOption } from "./probe-json.js";

/** Options: `tokens` of held-out text, default 8,192. */
export const logitLensProbe: Probe = {
  name: "logit-lens",
  async run({ cell, model, tables, heldOut }, options) {
    const maxTokens = countOption(options, "tokens", 8192);
    const batches = evaluationBatches(heldOut, { ...cell.batch, packing: "rows", maxTokens });
    return asJson(await logitLens({ model, tables }, batches));
  },
};
