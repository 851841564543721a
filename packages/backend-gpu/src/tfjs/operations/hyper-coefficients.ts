// hyperCoefficients: what manifold-constrained hyper-connections (arXiv 2512.24880) read off the residual streams of a
// token: how a sub-layer's input is collapsed from them (pre), how its output is spread over them (post), and how they
// mix meanwhile (mix, doubly stochastic).
//   z = projection x / rms(x), x the n * d values of all streams; l = scale * z + bias, one scale for each of three parts
//   pre = sigmoid(l_pre) (+ epsilon where Sinkhorn starts with a softmax); post = 2 sigmoid(l_post); mix = sinkhorn(l_mix)

import { linear, linearInputGradient, linearWeightGradient } from "../matrix-product.js";
import { rmsNorm, rmsNormBackward } from "../root-mean-square.js";
import { doublyStochastic, sinkhorn, sinkhornBackward } from "../sinkhorn.js";
import type { ArrayInputs, ArrayOptions, TensorOperation } from "../tensor-operation.js";
import { rowsOf } from "../tensor-shape.js";
import type { TfjsArray } from "../tfjs-library.js";
import type { TfjsRuntime } from "../tfjs-runtime.js";

type Inputs = ArrayInputs<"hyperCoefficients">;
type Options = ArrayOptions<"hyperCoefficients">;

export const hyperCoefficients: TensorOperation<"hyperCoefficients"> = {
  forward(runtime, inputs, options) {
    const { tf } = runtime;
    const { streams: n, start, epsilon } = options;
    const { gates, mixes } = compute(runtime, inputs, options);
    const tokens = rowsOf(inputs.streams);
    const pre = tf.slice(gates, [0, 0], [tokens, n]);
    return {
      pre: start === "softmax" ? tf.add(pre, epsilon) : pre,
      post: tf.mul(tf.slice(gates, [0, n], [tokens, n]), 2),
      mix: tf.reshape(doublyStochastic(mixes), [tokens, n * n]),
    };
  },

  backward(runtime, { inputs, options }, { pre: dPre, post: dPost, mix: dMix }) {
    const { tf } = runtime;
    const { streams, projection, bias, scale } = inputs;
    const { streams: n, normEpsilon } = options;
    const tokens = rowsOf(streams);
    const { normed, products, scales, gates, mixes } = compute(runtime, inputs, options);
    const dGates = tf.concat([dPre ?? tf.zeros([tokens, n]), dPost ? tf.mul(dPost, 2) : tf.zeros([tokens, n])], 1);
    const dMixed =
      dMix === undefined
        ? tf.zeros([tokens, n * n])
        : tf.reshape(sinkhornBackward(runtime, mixes, options, tf.reshape(dMix, [tokens, n, n])), [tokens, n * n]);
    const dLogits = tf.concat([tf.mul(dGates, tf.mul(gates, tf.sub(1, gates))), dMixed], 1);
    const dProducts = tf.mul(dLogits, scales);
    const dNormed = linearInputGradient(runtime, projection, dProducts);
    const dScales = tf.sum(tf.mul(dLogits, products), 0); // [(2 + n) n]
    const total = (from: number, count: number) => tf.reshape(tf.sum(tf.slice(dScales, [from], [count])), [1]);
    return {
      streams: rmsNormBackward(runtime, streams, undefined, { epsilon: normEpsilon }, dNormed).dx,
      projection: linearWeightGradient(runtime, normed, dProducts),
      bias: tf.reshape(tf.sum(dLogits, 0), bias.shape),
      scale: tf.reshape(tf.concat([total(0, n), total(n, n), total(2 * n, n * n)], 0), scale.shape),
    };
  },
};

function compute(runtime: TfjsRuntime, { streams, projection, bias, scale }: Inputs, options: Options) {
  const { tf } = runtime;
  const n = options.streams;
  const tokens = rowsOf(streams);
  const normed = rmsNorm(runtime, streams, undefined, { epsilon: options.normEpsilon });
  const products = linear(runtime, normed, projection); // [N, (2 + n) n]
  const part = (i: number, count: number): TfjsArray => tf.tile(tf.slice(scale, [i], [1]), [count]);
  const scales = tf.concat([part(0, n), part(1, n), part(2, n * n)], 0);
  const logits = tf.add(tf.mul(products, scales), bias);
  return {
    normed,
    products,
    scales,
    gates: tf.sigmoid(tf.slice(logits, [0, 0], [tokens, 2 * n])), // of pre, of post
    mixes: sinkhorn(runtime, tf.reshape(tf.slice(logits, [0, 2 * n], [tokens, n * n]), [tokens, n, n]), options),
  };
}
