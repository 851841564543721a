// Grouped-query attention: fields, parameters, what looking back costs. Its meaning is at GqaSpec.

import type { BlockKind } from "./block-kind.js";
import type { GqaSpec } from "./model-spec.js";
import { MODEL_LIMITS } from "./spec-limits.js";
import { parseRope } from "./spec-rope.js";

/** `gqa`. */
export const gqaKind: BlockKind<GqaSpec> = {
  slot: "attention",
  kind: "gqa",
  parse(fields) {
    const heads = fields.whole("heads", { least: 1, most: MODEL_LIMITS.heads }, "the attention heads");
    const kvHeads = fields.whole(
      "kvHeads",
      { least: 1, most: MODEL_LIMITS.heads, fallback: heads },
      "the key-value heads",
    );
    if (heads % kvHeads !== 0) fields.refuse("kvHeads", `it must divide heads, ${heads}`);
    const headDim = fields.whole("headDim", { least: 1, most: MODEL_LIMITS.headDim }, "the values of a head");
    const ropeDim = fields.whole(
      "ropeDim",
      { least: 0, most: headDim, fallback: headDim },
      "the values of a head that are rotated, at most headDim",
    );
    if (ropeDim % 2 !== 0) {
      fields.refuse(fields.has("ropeDim") ? "ropeDim" : "headDim", "values rotate in pairs; use an even number");
    }
    return {
      kind: "gqa",
      heads,
      kvHeads,
      headDim,
      ropeDim,
      queryKeyNorm: fields.flag("queryKeyNorm", false, "whether queries and keys are normalised"),
      rope: parseRope(fields, "halves"),
    };
  },
  parameters({ heads, kvHeads, headDim, queryKeyNorm }, { width }) {
    const weight = (name: string, ...shape: number[]) =>
      ({ name: `${name}.weight`, shape, component: "attention", initial: "normal" }) as const;
    const norm = (name: string) =>
      ({ name: `${name}.weight`, shape: [headDim], component: "norms", initial: "ones" }) as const;
    return [
      weight("query", heads * headDim, width),
      weight("key", kvHeads * headDim, width),
      weight("value", kvHeads * headDim, width),
      ...(queryKeyNorm ? [norm("queryNorm"), norm("keyNorm")] : []), // shared by the heads
      weight("output", width, heads * headDim),
    ];
  },
  contextCost: ({ heads, kvHeads, headDim }) => ({
    prefillFlops: 4 * heads * headDim,
    decodeFlops: 4 * heads * headDim,
    stateValues: 2 * kvHeads * headDim,
  }),
};
