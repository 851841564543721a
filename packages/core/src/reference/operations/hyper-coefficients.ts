// hyperCoefficients: what manifold-constrained hyper-connections (arXiv 2512.24880) read off the residual streams of a
// token: how a sub-layer's input is collapsed from them (pre), how its output is spread over them (post), and how they
// mix meanwhile (mix, doubly stochastic).
//   z = projection x / rms(x), x the n * d values of all streams; l = scale * z + bias, one scale for each of three parts
//   pre = sigmoid(l_pre) (+ epsilon where Sinkhorn starts with a softmax); post = 2 sigmoid(l_post); mix = sinkhorn(l_mix)

import type { BackendOperation, HyperOptions, OperationInputs } from "../../model/backend-operations.js";
import { sigmoid } from "../gate.js";
import { linear, linearBackward } from "../linear.js";
import { rmsNormGroups, rmsNormGroupsBackward } from "../rms-norm.js";
import { doublyStochastic, type Sinkhorn, sinkhorn, sinkhornBackward } from "../sinkhorn.js";
import { checkShape, type ReferenceTensor, rowsOf, tensor, widthOf, zeros } from "../tensor.js";

type Inputs = OperationInputs<ReferenceTensor, "hyperCoefficients">;

export const hyperCoefficients: BackendOperation<ReferenceTensor, "hyperCoefficients"> = {
  forward(inputs, options) {
    const { streams, projection, bias, scale } = inputs;
    const { streams: n, start, epsilon } = options;
    const outputs = (2 + n) * n;
    checkShape("hyperCoefficients", "projection", projection, [outputs, widthOf(streams)]);
    checkShape("hyperCoefficients", "bias", bias, [outputs]);
    checkShape("hyperCoefficients", "scale", scale, [3]);
    const { logits, mixes } = compute(inputs, options);
    const [pre, post, mix] = [zeros(rowsOf(streams), n), zeros(rowsOf(streams), n), zeros(rowsOf(streams), n * n)];
    mixes.forEach((turns, t) => {
      const l = logits.subarray(t * outputs, (t + 1) * outputs);
      for (let i = 0; i < n; i++) {
        pre.values[t * n + i] = sigmoid(l[i] ?? 0) + (start === "softmax" ? epsilon : 0);
        post.values[t * n + i] = 2 * sigmoid(l[n + i] ?? 0);
      }
      mix.values.set(doublyStochastic(turns), t * n * n);
    });
    return { pre, post, mix };
  },

  backward({ inputs, options }, { pre: dPre, post: dPost, mix: dMix }) {
    const { streams, projection, bias, scale } = inputs;
    const { streams: n, normEpsilon } = options;
    const outputs = (2 + n) * n;
    const { normed, products, logits, mixes } = compute(inputs, options);
    const dLogits = new Float64Array(logits.length);
    mixes.forEach((turns, t) => {
      const at = t * outputs;
      for (let i = 0; i < n; i++) {
        dLogits[at + i] = (dPre?.values[t * n + i] ?? 0) * slope(logits[at + i] ?? 0);
        dLogits[at + n + i] = (dPost?.values[t * n + i] ?? 0) * 2 * slope(logits[at + n + i] ?? 0);
      }
      if (dMix === undefined) return;
      const d = sinkhornBackward(turns, options, dMix.values.subarray(t * n * n, (t + 1) * n * n));
      dLogits.set(d, at + 2 * n);
    });
    const dBias = zeros(outputs);
    const dScale = zeros(3);
    const dProducts = dLogits.map((g, i) => {
      const output = i % outputs;
      const part = partOf(output, n);
      dBias.values[output] = (dBias.values[output] ?? 0) + g;
      dScale.values[part] = (dScale.values[part] ?? 0) + g * (products[i] ?? 0);
      return g * (scale.values[part] ?? 0);
    });
    const throughProjection = linearBackward(normed, projection.values, widthOf(streams), dProducts);
    const norm = { epsilon: normEpsilon };
    const throughNorm = rmsNormGroupsBackward(streams.values, unscaled(streams), norm, throughProjection.dx);
    return {
      streams: tensor(throughNorm.dx, ...streams.shape),
      projection: tensor(throughProjection.dWeight, ...projection.shape),
      bias: tensor(dBias.values, ...bias.shape),
      scale: dScale,
    };
  },
};

function compute({ streams, projection, bias, scale }: Inputs, options: HyperOptions) {
  const n = options.streams;
  const outputs = (2 + n) * n;
  const normed = rmsNormGroups(streams.values, unscaled(streams), { epsilon: options.normEpsilon });
  const products = linear(normed, projection.values, widthOf(streams)); // [N, (2 + n) n]
  const logits = products.map((z, i) => {
    const output = i % outputs;
    return (scale.values[partOf(output, n)] ?? 0) * z + (bias.values[output] ?? 0);
  });
  const mixes: Sinkhorn[] = Array.from({ length: rowsOf(streams) }, (_, t) =>
    sinkhorn(logits.slice(t * outputs + 2 * n, (t + 1) * outputs), options),
  );
  return { normed, products, logits, mixes };
}

/** 0 for pre, 1 for post, 2 for mix. */
function partOf(output: number, n: number): number {
  return Math.min(2, Math.floor(output / n));
}

function unscaled(streams: ReferenceTensor): Float64Array {
  return new Float64Array(widthOf(streams)).fill(1);
}

function slope(l: number): number {
  const s = sigmoid(l);
  return s * (1 - s);
}
