// gqa, grouped-query attention: queries, keys and values by linear maps of x, an RMS norm of each head's queries and keys
// where there are weights for it, rotary positions, causal softmax attention per sequence, and a linear map back.
// x [N, d], query [H * w, d], key and value [K * w, d], output [d, H * w], queryNorm and keyNorm [w].
// The cache holds rotated keys [K, P, w] and values [K, P, w].

import { attend } from "../attention.js";
import { linear, linearInputGradient, linearWeightGradient } from "../matrix-product.js";
import { packedAttention, packedAttentionBackward, tokensFirst } from "../packed-attention.js";
import { rmsNorm, rmsNormBackward } from "../root-mean-square.js";
import { type Turn, turned, turnOf } from "../rotary-turn.js";
import { rowRange } from "../row-copies.js";
import { appended } from "../sequence-cache.js";
import { sequenceSpans } from "../sequence-spans.js";
import type { ArrayInputs, ArrayOptions, TensorOperation } from "../tensor-operation.js";
import { rowsOf } from "../tensor-shape.js";
import type { TfjsArray } from "../tfjs-library.js";
import type { TfjsRuntime } from "../tfjs-runtime.js";

type Inputs = ArrayInputs<"gqa">;
type Options = ArrayOptions<"gqa">;

export const gqa: TensorOperation<"gqa"> = {
  forward(runtime, inputs, options) {
    const projected = project(runtime, inputs, options);
    const { query, key, value } = projected;
    const attended =
      options.caches === undefined
        ? packedAttention(runtime, sequenceSpans(options.sequences), query, key, value, shapeOf(options))
        : cachedAttention(runtime, query, key, value, options);
    return { y: linear(runtime, attended, inputs.output) };
  },

  backward(runtime, { inputs, options }, { y: dy }, wanted) {
    if (dy === undefined) return {};
    const { tf } = runtime;
    const { x, output, queryNorm, keyNorm } = inputs;
    const { heads, keyValueHeads, epsilon } = options;
    const { query, key, value, rawQuery, rawKey, turn } = project(runtime, inputs, options);
    const spans = sequenceSpans(options.sequences);
    const dAttended = linearInputGradient(runtime, output, dy);
    const d = packedAttentionBackward(runtime, spans, query, key, value, shapeOf(options), dAttended);
    const dQuery = turnHeads(runtime, d.dQuery, heads, turn, -1);
    const dKey = turnHeads(runtime, d.dKey, keyValueHeads, turn, -1);
    const norm = { epsilon };
    const throughQuery = queryNorm && rmsNormBackward(runtime, rawQuery, queryNorm, norm, dQuery);
    const throughKey = keyNorm && rmsNormBackward(runtime, rawKey, keyNorm, norm, dKey);
    const parts = {
      query: throughQuery?.dx ?? dQuery,
      key: throughKey?.dx ?? dKey,
      value: d.dValue,
    };
    const dx = () =>
      (["key", "value"] as const).reduce(
        (sum, name) => tf.add(sum, linearInputGradient(runtime, inputs[name], parts[name])),
        linearInputGradient(runtime, inputs.query, parts.query),
      );
    const attended = () => packedAttention(runtime, spans, query, key, value, shapeOf(options));
    return {
      ...(wanted.has("x") && { x: dx() }),
      ...(wanted.has("query") && { query: linearWeightGradient(runtime, x, parts.query) }),
      ...(wanted.has("key") && { key: linearWeightGradient(runtime, x, parts.key) }),
      ...(wanted.has("value") && { value: linearWeightGradient(runtime, x, parts.value) }),
      ...(wanted.has("output") && { output: linearWeightGradient(runtime, attended(), dy) }),
      ...(throughQuery?.dWeight && { queryNorm: throughQuery.dWeight }),
      ...(throughKey?.dWeight && { keyNorm: throughKey.dWeight }),
    };
  },
};

/** Normed and rotated queries [N, H * w] and keys [N, K * w], values [N, K * w]; queries and keys before both. */
function project(runtime: TfjsRuntime, { x, query, key, value, queryNorm, keyNorm }: Inputs, options: Options) {
  const { heads, keyValueHeads, epsilon } = options;
  const turn = turnOf(runtime, options.sequences, options.rotary);
  const rawQuery = linear(runtime, x, query);
  const rawKey = linear(runtime, x, key);
  const normed = (raw: TfjsArray, weight: TfjsArray | undefined) =>
    weight === undefined ? raw : rmsNorm(runtime, raw, weight, { epsilon });
  return {
    rawQuery,
    rawKey,
    turn,
    query: turnHeads(runtime, normed(rawQuery, queryNorm), heads, turn, 1),
    key: turnHeads(runtime, normed(rawKey, keyNorm), keyValueHeads, turn, 1),
    value: linear(runtime, x, value),
  };
}

function turnHeads(runtime: TfjsRuntime, x: TfjsArray, heads: number, turn: Turn, direction: 1 | -1): TfjsArray {
  const { tf } = runtime;
  const [tokens = 0, width = 0] = x.shape;
  return tf.reshape(turned(runtime, tf.reshape(x, [tokens, heads, width / heads]), 0, turn, direction), x.shape);
}

/** Each sequence by itself, with the keys and values that its cache holds. */
function cachedAttention(runtime: TfjsRuntime, query: TfjsArray, key: TfjsArray, value: TfjsArray, options: Options) {
  const { tf } = runtime;
  const { heads, keyValueHeads: K, headWidth: w, caches = [], scale } = options;
  const outs: TfjsArray[] = [];
  for (const { sequence, from, to, start } of sequenceSpans(options.sequences)) {
    const cache = caches[sequence];
    if (cache === undefined) continue; // checked: there is one a sequence
    const T = to - from;
    const own = (x: TfjsArray, count: number) => {
      const rows = rowsOf(x) === T ? x : rowRange(runtime, x, from, T);
      return T === 1 ? tf.reshape(rows, [count, 1, w]) : tf.transpose(tf.reshape(rows, [T, count, w]), [1, 0, 2]);
    };
    const { parts } = appended(runtime, cache, start, [own(key, K), own(value, K)]);
    const [keys, values] = parts;
    if (keys === undefined || values === undefined) continue; // as many as were given
    const q = tf.reshape(own(query, heads), [K, heads / K, T, w]);
    outs.push(tokensFirst(runtime, attend(runtime, q, keys, values, scale), 1));
  }
  if (outs.length === 0) return tf.zeros([0, heads * w]);
  return outs.length === 1 && outs[0] !== undefined ? outs[0] : tf.concat(outs, 0);
}

function shapeOf({ heads, keyValueHeads, headWidth, scale }: Options) {
  return { heads, keyValueHeads, keyWidth: headWidth, valueWidth: headWidth, scale };
}
