// Multi-head latent attention: fields, parameters, what looking back costs. Its meaning is at MlaSpec.

import type { BlockKind } from "./block-kind.js";
import type { MlaSpec } from "./model-spec.js";
import { MODEL_LIMITS } from "./spec-limits.js";
import { parseRope } from "./spec-rope.js";

const rank = { least: 1, most: MODEL_LIMITS.rank };
const headDim = { least: 1, most: MODEL_LIMITS.headDim };

/** `mla`. */
export const mlaKind: BlockKind<MlaSpec> = {
  slot: "attention",
  kind: "mla",
  parse(fields) {
    const spec: MlaSpec = {
      kind: "mla",
      heads: fields.whole("heads", { least: 1, most: MODEL_LIMITS.heads }, "the attention heads"),
      queryRank:
        fields.value("queryRank") === null
          ? null
          : fields.whole("queryRank", rank, "the width of the query latent; null for none"),
      kvRank: fields.whole("kvRank", rank, "the width of the key-value latent"),
      nopeHeadDim: fields.whole("nopeHeadDim", headDim, "a head's query and key values without position"),
      ropeHeadDim: fields.whole("ropeHeadDim", headDim, "a head's query and key values that are rotated"),
      valueHeadDim: fields.whole("valueHeadDim", headDim, "a head's values"),
      rope: parseRope(fields, "interleaved"),
    };
    if (spec.ropeHeadDim % 2 !== 0) fields.refuse("ropeHeadDim", "values rotate in pairs; use an even number");
    return spec;
  },
  parameters(spec, { width }) {
    const { heads, queryRank, kvRank, nopeHeadDim, ropeHeadDim, valueHeadDim } = spec;
    const queries = heads * (nopeHeadDim + ropeHeadDim);
    const weight = (name: string, ...shape: number[]) =>
      ({ name: `${name}.weight`, shape, component: "attention", initial: "normal" }) as const;
    const norm = (name: string, size: number) =>
      ({ name: `${name}.weight`, shape: [size], component: "norms", initial: "ones" }) as const;
    return [
      ...(queryRank === null
        ? [weight("query", queries, width)]
        : [
            weight("queryDown", queryRank, width),
            norm("queryNorm", queryRank),
            weight("queryUp", queries, queryRank), // rows: head, then nope, then rope
          ]),
      weight("kvDown", kvRank + ropeHeadDim, width), // rows: latent, then the shared rotated key
      norm("kvNorm", kvRank),
      weight("kvUp", heads * (nopeHeadDim + valueHeadDim), kvRank), // rows: head, then key, then value
      weight("output", width, heads * valueHeadDim),
    ];
  },
  // decode keeps to the latent: W_UK is absorbed into the query and W_UV into the output
  contextCost: ({ heads, kvRank, nopeHeadDim, ropeHeadDim, valueHeadDim }) => ({
    prefillFlops: 2 * heads * (nopeHeadDim + ropeHeadDim + valueHeadDim),
    decodeFlops: 2 * heads * (kvRank + ropeHeadDim + kvRank),
    stateValues: kvRank + ropeHeadDim,
  }),
};
