// shortConvolution: y = x + silu(conv(norm(x))) (paper, equation 5), conv causal, depthwise and dilated, per sequence;
// each residual stream is normed by itself. x [N, n * d], norm [n * d], weight [n * d, kernel], the last tap for the
// current token. The cache holds normed inputs, of which the latest (kernel - 1) * dilation are read.

import type { BackendOperation, OperationInputs, ShortConvolutionOptions } from "../../model/backend-operations.js";
import { checkCaches, readCache, writeCache } from "../cache.js";
import { rmsNormGroups, rmsNormGroupsBackward } from "../rms-norm.js";
import { refuseCaches, sequenceSpans } from "../sequence-spans.js";
import * as convolution from "../short-convolution.js";
import { addInto, checkShape, type ReferenceTensor, tensor, widthOf } from "../tensor.js";

type Inputs = OperationInputs<ReferenceTensor, "shortConvolution">;
type Options = ShortConvolutionOptions<ReferenceTensor>;

export const shortConvolution: BackendOperation<ReferenceTensor, "shortConvolution"> = {
  forward(inputs, options) {
    const { x, norm, weight } = inputs;
    const channels = widthOf(x);
    const shape = shapeOf(inputs, options);
    checkShape("shortConvolution", "norm", norm, [channels]);
    checkShape("shortConvolution", "weight", weight, [channels, shape.kernel]);
    const caches = checkCaches("shortConvolution", options.caches, options.sequences, channels);
    const past = convolution.lookback(shape);
    const normed = rmsNormGroups(x.values, norm.values, normOf(options));
    const y = x.values.slice();
    for (const { sequence, from, to, start } of sequenceSpans("shortConvolution", options.sequences, x)) {
      const own = normed.subarray(from * channels, to * channels);
      const cache = caches?.[sequence];
      const before = cache === undefined ? new Float64Array(past * channels) : readCache(cache, start - past, start);
      addInto(
        y.subarray(from * channels, to * channels),
        convolution.shortConvolution(own, before, weight.values, shape).y,
      );
      if (cache !== undefined) writeCache(cache, start, own);
    }
    return { y: tensor(y, ...x.shape) };
  },

  backward({ inputs, options }, { y: dy }) {
    if (dy === undefined) return {};
    refuseCaches("shortConvolution", options);
    const { x, norm, weight } = inputs;
    const channels = widthOf(x);
    const normed = rmsNormGroups(x.values, norm.values, normOf(options));
    const dNormed = new Float64Array(normed.length);
    const dWeight = new Float64Array(weight.values.length);
    for (const { from, to } of sequenceSpans("shortConvolution", options.sequences, x)) {
      const own = normed.subarray(from * channels, to * channels);
      const dOwn = dy.values.subarray(from * channels, to * channels);
      const through = convolution.shortConvolutionBackward(own, weight.values, shapeOf(inputs, options), dOwn);
      dNormed.set(through.dx, from * channels);
      addInto(dWeight, through.dWeight);
    }
    const throughNorm = rmsNormGroupsBackward(x.values, norm.values, normOf(options), dNormed);
    addInto(throughNorm.dx, dy.values);
    return {
      x: tensor(throughNorm.dx, ...x.shape),
      norm: tensor(throughNorm.dWeight, ...norm.shape),
      weight: tensor(dWeight, ...weight.shape),
    };
  },
};

function shapeOf({ x, weight }: Inputs, { dilation }: Options) {
  return { channels: widthOf(x), kernel: widthOf(weight), dilation };
}

function normOf({ streams, epsilon, weightOffset }: Options) {
  return { epsilon, weightOffset, groups: streams };
}
