// mla, multi-head latent attention: keys and values of all heads come from one latent, and one rotated key is shared by
// the heads. Forms: mla-projection.ts makes queries, latents and keys; mla-cached.ts attends to caches, in the latents
// themselves where that is less work. Formula and letters: H heads, n content width, r rotary width, u value width.
//   c_q = norm(queryDown x), or x itself;  q_h = [q_content, R q_rotary] = queryUp_h c_q
//   [c, k] = keyValueDown x;  c <- norm(c);  k <- R k;  [k_h, v_h] = keyValueUp_h c
//   o_h = softmax(scale <q_h, [k_h, k]>) v_h;  y = output [o_1 .. o_H]

import { linear, linearInputGradient, linearWeightGradient } from "../matrix-product.js";
import { cachedLatentAttention } from "../mla-cached.js";
import { contract, expand, projectLatent, projectQuery, turnQuery } from "../mla-projection.js";
import { packedAttention, packedAttentionBackward } from "../packed-attention.js";
import { rmsNormBackward } from "../root-mean-square.js";
import { turned, turnOf } from "../rotary-turn.js";
import { sequenceSpans } from "../sequence-spans.js";
import type { ArrayOptions, TensorOperation } from "../tensor-operation.js";
import type { TfjsArray } from "../tfjs-library.js";

export const mla: TensorOperation<"mla"> = {
  forward(runtime, inputs, options) {
    const turn = turnOf(runtime, options.sequences, options.rotary);
    const { query } = projectQuery(runtime, inputs, options, turn);
    const { latent, shared } = projectLatent(runtime, inputs, options, turn);
    let attended: TfjsArray;
    if (options.caches === undefined) {
      const { key, value } = expand(runtime, linear(runtime, latent, inputs.keyValueUp), shared, options);
      attended = packedAttention(runtime, sequenceSpans(options.sequences), query, key, value, shapeOf(options));
    } else {
      attended = cachedLatentAttention(runtime, { query, latent, shared }, inputs.keyValueUp, options);
    }
    return { y: linear(runtime, attended, inputs.output) };
  },

  backward(runtime, { inputs, options }, { y: dy }, wanted) {
    if (dy === undefined) return {};
    const { tf } = runtime;
    const { x, queryUp, queryDown, queryNorm, keyValueDown, keyValueNorm, keyValueUp, output } = inputs;
    const norm = { epsilon: options.epsilon };
    const turn = turnOf(runtime, options.sequences, options.rotary);
    const { query, queryLatent, down: queryLow } = projectQuery(runtime, inputs, options, turn);
    const { latent, rawLatent, shared } = projectLatent(runtime, inputs, options, turn);
    const { key, value } = expand(runtime, linear(runtime, latent, keyValueUp), shared, options);
    const spans = sequenceSpans(options.sequences);
    const shape = shapeOf(options);
    const attended = packedAttention(runtime, spans, query, key, value, shape);
    const dAttended = linearInputGradient(runtime, output, dy);
    const d = packedAttentionBackward(runtime, spans, query, key, value, shape, dAttended);

    const dQuery = turnQuery(runtime, d.dQuery, options, turn, -1);
    const dQueryLatent = linearInputGradient(runtime, queryUp, dQuery);
    const throughNorm =
      queryLow && queryNorm ? rmsNormBackward(runtime, queryLow, queryNorm, norm, dQueryLatent) : undefined;
    const dxQuery = throughNorm && queryDown ? linearInputGradient(runtime, queryDown, throughNorm.dx) : dQueryLatent;

    const { dUp, dShared } = contract(runtime, d.dKey, d.dValue, options);
    const [tokens = 0, r = 0] = dShared.shape;
    const dRotated = tf.reshape(turned(runtime, tf.reshape(dShared, [tokens, 1, r]), 0, turn, -1), [tokens, r]);
    const dLatent = linearInputGradient(runtime, keyValueUp, dUp);
    const throughLatent = rmsNormBackward(runtime, rawLatent, keyValueNorm, norm, dLatent);
    const dDown = tf.concat([throughLatent.dx, dRotated], 1);
    return {
      x: tf.add(dxQuery, linearInputGradient(runtime, keyValueDown, dDown)),
      ...(throughLatent.dWeight && { keyValueNorm: throughLatent.dWeight }),
      ...(throughNorm?.dWeight && { queryNorm: throughNorm.dWeight }),
      ...(throughNorm && wanted.has("queryDown") && { queryDown: linearWeightGradient(runtime, x, throughNorm.dx) }),
      ...(wanted.has("queryUp") && { queryUp: linearWeightGradient(runtime, queryLatent, dQuery) }),
      ...(wanted.has("keyValueDown") && { keyValueDown: linearWeightGradient(runtime, x, dDown) }),
      ...(wanted.has("keyValueUp") && { keyValueUp: linearWeightGradient(runtime, latent, dUp) }),
      ...(wanted.has("output") && { output: linearWeightGradient(runtime, attended, dy) }),
    };
  },
};

function shapeOf({ heads, contentWidth, rotaryWidth, valueWidth, scale }: ArrayOptions<"mla">) {
  return { heads, keyValueHeads: heads, keyWidth: contentWidth + rotaryWidth, valueWidth, scale };
}
