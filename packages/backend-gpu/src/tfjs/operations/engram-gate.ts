// engramGate: how far each residual stream m lets a token's memory e in, and what it takes from it.
//   k_m = norm(key_m e + keyBias_m);  q_m = norm(streams_m);  s_m = <k_m, q_m> / sqrt(d)
//   g_m = sigmoid(sign(s_m) sqrt(max(|s_m|, 1e-6)));  v = value e + valueBias;  y_m = g_m v
// (paper, equations 3, 4 and 6, with the signed root of the published code.) Dead tokens have g = 0.
// streams [N, M * d], memory [N, w], key [M * d, w], value [d, w], the norms' scales and keyBias [M * d].

import { linear, linearInputGradient, linearWeightGradient } from "../matrix-product.js";
import { rmsNorm, rmsNormBackward } from "../root-mean-square.js";
import type { ArrayInputs, ArrayOptions, TensorOperation } from "../tensor-operation.js";
import { rowsOf, widthOf } from "../tensor-shape.js";
import type { TfjsArray } from "../tfjs-library.js";
import { floats, type TfjsRuntime } from "../tfjs-runtime.js";

type Inputs = ArrayInputs<"engramGate">;
type Options = ArrayOptions<"engramGate">;

/** Below this magnitude of a score the square root stays at 1e-3: its slope at 0 would be infinite. */
const LEAST_SCORE = 1e-6;

export const engramGate: TensorOperation<"engramGate"> = {
  forward(runtime, inputs, options) {
    const { tf } = runtime;
    const { gates, value, tokens, M, d } = compute(runtime, inputs, options);
    const y = tf.mul(tf.reshape(gates, [tokens, M, 1]), tf.reshape(value, [tokens, 1, d]));
    return { y: tf.reshape(y, inputs.streams.shape), gates };
  },

  backward(runtime, { inputs, options }, { y: dy }, wanted) {
    if (dy === undefined) return {};
    const { tf } = runtime;
    const { streams, memory, value: valueWeight, key: keyWeight, keyNorm, queryNorm } = inputs;
    const { rawKey, key, query, scores, gates, value, tokens, M, d } = compute(runtime, inputs, options);
    const up = tf.reshape(dy, [tokens, M, d]);
    const dValue = tf.sum(tf.mul(up, tf.reshape(gates, [tokens, M, 1])), 1); // [N, d]
    const dGates = tf.sum(tf.mul(up, tf.reshape(value, [tokens, 1, d])), 2); // [N, M]
    const dScores = tf.mul(tf.mul(dGates, slopeOf(runtime, scores, gates)), 1 / Math.sqrt(d)); // 0 for dead tokens
    const spread = tf.reshape(dScores, [tokens, M, 1]);
    const normOptions = normOf(options);
    const throughKey = rmsNormBackward(runtime, rawKey, keyNorm, normOptions, tf.mul(spread, query));
    const throughQuery = rmsNormBackward(runtime, streams, queryNorm, normOptions, tf.mul(spread, key));
    return {
      streams: throughQuery.dx,
      ...(throughKey.dWeight && { keyNorm: throughKey.dWeight }),
      ...(throughQuery.dWeight && { queryNorm: throughQuery.dWeight }),
      ...(wanted.has("memory") && {
        memory: tf.add(
          linearInputGradient(runtime, keyWeight, throughKey.dx),
          linearInputGradient(runtime, valueWeight, dValue),
        ),
      }),
      ...(wanted.has("value") && { value: linearWeightGradient(runtime, memory, dValue) }),
      ...(wanted.has("key") && { key: linearWeightGradient(runtime, memory, throughKey.dx) }),
      ...(wanted.has("valueBias") && { valueBias: tf.sum(dValue, 0) }),
      ...(wanted.has("keyBias") && { keyBias: tf.sum(throughKey.dx, 0) }),
    };
  },
};

/** Keys before and after their norm and queries, scores and gates [N, M], values [N, d]. */
function compute(runtime: TfjsRuntime, inputs: Inputs, options: Options) {
  const { tf } = runtime;
  const { streams, memory, keyNorm, queryNorm } = inputs;
  const tokens = rowsOf(streams);
  const M = options.streams;
  const d = widthOf(streams) / M;
  const rawKey = linear(runtime, memory, inputs.key, inputs.keyBias);
  const split = (x: TfjsArray) => tf.reshape(x, [tokens, M, d]);
  const key = split(rmsNorm(runtime, rawKey, keyNorm, normOf(options)));
  const query = split(rmsNorm(runtime, streams, queryNorm, normOf(options)));
  const scores = tf.mul(tf.sum(tf.mul(key, query), 2), 1 / Math.sqrt(d));
  const root = tf.sqrt(tf.maximum(tf.abs(scores), LEAST_SCORE));
  let gates = tf.sigmoid(tf.mul(signOf(runtime, scores, options), root));
  if (options.dead !== undefined) {
    const alive = Float32Array.from(options.dead, (dead) => (dead ? 0 : 1));
    gates = tf.mul(gates, tf.tensor(alive, [tokens, 1], "float32"));
  }
  return {
    rawKey,
    key,
    query,
    scores,
    gates,
    value: linear(runtime, memory, inputs.value, inputs.valueBias),
    tokens,
    M,
    d,
  };
}

/** -1 or 1 by the sign bit for `copied-sign`; else 0 for a score of 0. */
function signOf({ tf }: TfjsRuntime, scores: TfjsArray, { zeroScore }: Options): TfjsArray {
  if (zeroScore === "half") return tf.sign(scores);
  const one = tf.add(tf.mul(scores, 0), 1);
  // 1 / -0 is below 0; where a device says otherwise of -0, it counts as 0
  return tf.where(tf.less(tf.add(tf.sign(scores), tf.div(one, scores)), 0), tf.mul(one, -1), one);
}

/** Slope of the gate: g (1 - g) / (2 sqrt(|s|)), and 0 where the magnitude is held at its least. */
function slopeOf(runtime: TfjsRuntime, scores: TfjsArray, gates: TfjsArray): TfjsArray {
  const { tf } = runtime;
  const magnitude = tf.abs(scores);
  const moves = floats(runtime, tf.greater(magnitude, LEAST_SCORE));
  const root = tf.sqrt(tf.maximum(magnitude, LEAST_SCORE));
  return tf.div(tf.mul(moves, tf.mul(gates, tf.sub(1, gates))), tf.mul(root, 2));
}

function normOf({ streams, epsilon, weightOffset }: Options) {
  return { epsilon, weightOffset, groups: streams };
}
