// gqa, grouped-query attention: queries, keys and values by linear maps of x, an RMS norm of each head's queries and keys
// where there are weights for it, rotary positions, causal attention per sequence, and a linear map back.
// Letters: w a head's width, H and K heads, N tokens. A cache's row: rotated keys of all K heads, then their values.

import { type RopeFacts, rope, ropeBack } from "../nodes/attention.js";
import type { GgmlNode } from "../nodes/node.js";
import { reshape } from "../nodes/shape.js";
import { attend, joined } from "./attention-core.js";
import { cachedMask } from "./attention-mask.js";
import { type CacheSlots, cacheRuns, cacheSlots, keysRead, readHeads, writeTokens } from "./cache-access.js";
import { linearInputGradient, linearMap, linearWeightGradient } from "./linear-parts.js";
import { madeParts } from "./made-parts.js";
import { noTokens } from "./no-tokens.js";
import type { EngineContext, GgmlOperation, NodeCall, Operands } from "./operation.js";
import { attendPacked, attendPackedBack, type PackedSources, sequenceHeads } from "./packed-attention.js";
import { joinHeads, normHeads, normHeadsBack, projectHeads, sumOf } from "./projections.js";
import { refuseCaches } from "./refuse-caches.js";
import { rotaryPositions } from "./rotary-positions.js";
import { type SequenceBatch, sequenceBatch } from "./sequence-batch.js";

type Options = NodeCall<"gqa">["options"];

/** What a forward makes on its way. */
interface Parts {
  readonly rawQuery: GgmlNode;
  readonly rawKey: GgmlNode;
  /** Normed and rotated: q [w, H, N], k and v [w, K, N]. */
  readonly heads: PackedSources;
  readonly facts: RopeFacts;
  /** [w * H, N]. */
  readonly attended: GgmlNode;
}

const made = madeParts<Parts>();

export const gqa: GgmlOperation<"gqa"> = {
  forward(inputs, options, engine) {
    const { x, output } = inputs;
    if (x.node.empty) return noTokens(x);
    const parts = attention(inputs, options, engine);
    const node = linearMap(parts.attended, output.node);
    if (options.caches === undefined) made.keep(node, parts, [parts.rawQuery, parts.rawKey, parts.attended]);
    return { outputs: { y: { node, shape: x.shape } } };
  },

  backward({ inputs, options, outputs }, { y: dy }, wanted, engine) {
    if (dy === undefined) return {};
    refuseCaches("gqa", options);
    const { x, query, key, value, output, queryNorm, keyNorm } = inputs;
    if (x.node.empty) return {};
    const { heads: H, headWidth: w, scale, epsilon } = options;
    const { rawQuery, rawKey, heads, facts, attended } =
      made.find(outputs.y.node) ?? attention(inputs, options, engine);
    const batch = sequenceBatch(options.sequences);
    const dAttended = reshape(linearInputGradient(dy, output.node), w, H, batch.tokens);
    const back = attendPackedBack(engine, batch, heads, scale, dAttended);
    const throughQuery = normHeadsBack(ropeBack(back.q, facts), rawQuery, queryNorm?.node, epsilon);
    const throughKey = normHeadsBack(ropeBack(back.k, facts), rawKey, keyNorm?.node, epsilon);
    const [dQuery, dKey, dValue] = [joinHeads(throughQuery.raw), joinHeads(throughKey.raw), joinHeads(back.v)];
    return {
      ...(wanted.has("x") && {
        x: sumOf(
          linearInputGradient(dQuery, query.node),
          linearInputGradient(dKey, key.node),
          linearInputGradient(dValue, value.node),
        ),
      }),
      query: linearWeightGradient(dQuery, x.node),
      key: linearWeightGradient(dKey, x.node),
      value: linearWeightGradient(dValue, x.node),
      output: linearWeightGradient(dy, attended),
      ...(throughQuery.weight && { queryNorm: throughQuery.weight }),
      ...(throughKey.weight && { keyNorm: throughKey.weight }),
    };
  },
};

function attention(inputs: Operands<"gqa">, options: Options, engine: EngineContext): Parts {
  const { headWidth: w, scale, epsilon, sequences, caches } = options;
  const x = inputs.x.node;
  const batch = sequenceBatch(sequences);
  const facts = rotaryPositions(engine, options.rotary, batch);
  const rawQuery = projectHeads(x, inputs.query.node, w);
  const rawKey = projectHeads(x, inputs.key.node, w);
  const heads = {
    q: rope(normHeads(rawQuery, inputs.queryNorm?.node, epsilon), facts),
    k: rope(normHeads(rawKey, inputs.keyNorm?.node, epsilon), facts),
    v: projectHeads(x, inputs.value.node, w),
  };
  const attended =
    caches === undefined
      ? attendPacked(engine, batch, heads, scale)
      : attendCached(engine, batch, cacheSlots("gqa", caches), heads, scale);
  return { rawQuery, rawKey, heads, facts, attended: joinHeads(attended) };
}

/** Writes keys and values, and attends to all that the caches hold; [w, H, N]. */
function attendCached(
  engine: EngineContext,
  batch: SequenceBatch,
  slots: CacheSlots,
  { q, k, v }: PackedSources,
  scale: number,
): GgmlNode {
  const [w, K] = k.sides;
  const H = q.sides[1];
  const runs = cacheRuns(batch, slots).map((run) => ({
    run,
    keys: writeTokens(engine, batch, run, slots, 0, joinHeads(k)),
    values: writeTokens(engine, batch, run, slots, w * K, joinHeads(v)),
  }));
  const pieces = runs.map(({ run, keys, values }) => {
    const part = { at: 0, n: w, heads: K, keys: keysRead(run, keys.slot) };
    const o = attend(engine, {
      q: sequenceHeads(q, run),
      k: readHeads(keys, run, part),
      v: readHeads(values, run, part),
      mask: cachedMask(batch, run),
      scale,
    });
    return reshape(o, w, H, run.length * run.count);
  });
  return joined(pieces, 2);
}
