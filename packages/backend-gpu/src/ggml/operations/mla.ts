// mla, multi-head latent attention: keys and values of all heads come from one latent, and one rotated key is shared by the
// heads. A cache's row: the normed latent, then the rotated key.
//   c_q = norm(queryDown x), or x itself;  q_h = [q_content, R q_rotary] = queryUp_h c_q
//   [c, k] = keyValueDown x;  c <- norm(c);  k <- R k;  [k_h, v_h] = keyValueUp_h c
//   o_h = softmax(scale <q_h, [k_h, k]>) v_h;  y = output [o_1 .. o_H]
// Letters: H heads, n content width, r rotary width, u value width, N tokens, R the rotation.

import { ropeBack } from "../nodes/attention.js";
import { concat, multiply, repeatBack } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { rmsNorm, rmsNormBack } from "../nodes/products.js";
import { pack, reshape, slice } from "../nodes/shape.js";
import { cacheSlots } from "./cache-access.js";
import { attendLatent } from "./latent-attention.js";
import { expandLatent, type LatentParts, latentParts, type QueryParts, queryParts } from "./latent-parts.js";
import { linearInputGradient, linearMap, linearWeightGradient } from "./linear-parts.js";
import { madeParts } from "./made-parts.js";
import { noTokens } from "./no-tokens.js";
import type { EngineContext, GgmlOperation, NodeCall, Operands } from "./operation.js";
import { attendPacked, attendPackedBack, type PackedSources } from "./packed-attention.js";
import { joinHeads, sumOf } from "./projections.js";
import { refuseCaches } from "./refuse-caches.js";
import { rotaryPositions } from "./rotary-positions.js";
import { sequenceBatch } from "./sequence-batch.js";

type Options = NodeCall<"mla">["options"];

/** What a forward without caches makes on its way. */
interface Parts {
  readonly queries: QueryParts;
  readonly latents: LatentParts;
  readonly heads: PackedSources;
  /** [u, H, N]. */
  readonly attended: GgmlNode;
}

const made = madeParts<Parts>();

export const mla: GgmlOperation<"mla"> = {
  forward(inputs, options, engine) {
    const { x, keyValueUp, output } = inputs;
    if (x.node.empty) return noTokens(x);
    if (options.caches === undefined) {
      const parts = attention(inputs, options, engine);
      const node = linearMap(joinHeads(parts.attended), output.node);
      made.keep(node, parts, [parts.attended]);
      return { outputs: { y: { node, shape: x.shape } } };
    }
    const batch = sequenceBatch(options.sequences);
    const facts = rotaryPositions(engine, options.rotary, batch);
    const attended = attendLatent(engine, batch, cacheSlots("mla", options.caches), {
      queries: queryParts(inputs, options, facts),
      latents: latentParts(inputs, options, facts),
      up: keyValueUp.node,
      options,
    });
    return { outputs: { y: { node: linearMap(joinHeads(attended), output.node), shape: x.shape } } };
  },

  backward({ inputs, options, outputs }, { y: dy }, _, engine) {
    if (dy === undefined) return {};
    refuseCaches("mla", options);
    const { x, queryUp, queryDown, queryNorm, keyValueDown, keyValueNorm, keyValueUp, output } = inputs;
    if (x.node.empty) return {};
    const { heads: H, contentWidth: n, rotaryWidth: r, valueWidth: u, epsilon } = options;
    const batch = sequenceBatch(options.sequences);
    const { tokens: N } = batch;
    const facts = rotaryPositions(engine, options.rotary, batch);
    const { queries, latents, heads, attended } = made.find(outputs.y.node) ?? attention(inputs, options, engine);
    const dAttended = reshape(linearInputGradient(dy, output.node), u, H, N);
    const back = attendPackedBack(engine, batch, heads, options.scale, dAttended);

    // query: rotation, up, norm, down
    const turned = ropeBack(pack(slice(back.q, 0, n, r)), facts);
    const dQuery = joinHeads(concat(slice(back.q, 0, 0, n), turned, 0));
    const dQueryLatent = linearInputGradient(dQuery, queryUp.node);
    const optional: { queryDown?: GgmlNode; queryNorm?: GgmlNode } = {};
    let dxQuery = dQueryLatent;
    if (queryDown !== undefined && queryNorm !== undefined && queries.down !== undefined) {
      const { dx: dDown, dWeight } = normBack(dQueryLatent, queries.down, queryNorm.node, epsilon);
      dxQuery = linearInputGradient(dDown, queryDown.node);
      optional.queryDown = linearWeightGradient(dDown, x.node);
      optional.queryNorm = dWeight;
    }

    // keys and values: their heads back into one, rotation, up, norm, down
    const dUp = joinHeads(concat(slice(back.k, 0, 0, n), back.v, 0)); // [(n + u) * H, N]
    const dShared = ropeBack(repeatBack(pack(slice(back.k, 0, n, r)), [r, 1, N, 1]), facts);
    const dLatent = linearInputGradient(dUp, keyValueUp.node);
    const normed = normBack(dLatent, latents.raw, keyValueNorm.node, epsilon);
    const dDown = reshape(concat(reshape(normed.dx, normed.dx.sides[0], 1, N), dShared, 0), latents.down.sides[0], N);
    return {
      x: sumOf(dxQuery, linearInputGradient(dDown, keyValueDown.node)),
      queryUp: linearWeightGradient(dQuery, queries.latent),
      keyValueDown: linearWeightGradient(dDown, x.node),
      keyValueNorm: normed.dWeight,
      keyValueUp: linearWeightGradient(dUp, latents.latent),
      output: linearWeightGradient(dy, joinHeads(attended)),
      ...optional,
    };
  },
};

/** Attention with the keys and values of every head, without caches. */
function attention(inputs: Operands<"mla">, options: Options, engine: EngineContext): Parts {
  const batch = sequenceBatch(options.sequences);
  const facts = rotaryPositions(engine, options.rotary, batch);
  const queries = queryParts(inputs, options, facts);
  const latents = latentParts(inputs, options, facts);
  const { k, v } = expandLatent(latents.latent, latents.shared, inputs.keyValueUp.node, options);
  const heads = { q: concat(queries.content, queries.rotated, 0), k, v };
  return { queries, latents, heads, attended: attendPacked(engine, batch, heads, options.scale) };
}

/** Gradients of a norm over whole tokens. */
function normBack(dy: GgmlNode, x: GgmlNode, weight: GgmlNode, epsilon: number) {
  return {
    dx: rmsNormBack(multiply(dy, weight), x, epsilon),
    dWeight: repeatBack(multiply(dy, rmsNorm(x, epsilon)), [x.sides[0], 1, 1, 1]),
  };
}
