// shortConvolution: y = x + silu(conv(norm(x))) (paper, equation 5), conv causal, depthwise and dilated, per sequence;
// each residual stream is normed by itself. x [N, n * d], norm [n * d], weight [n * d, kernel], the last tap for the
// current token. A tap is a gather of rows, forward and backward: tfjs's own depthwise convolution has no gradients on
// wasm, and knows no packed sequences. The cache holds normed inputs.

import { rmsNorm, rmsNormBackward } from "../root-mean-square.js";
import { rowPicks } from "../row-copies.js";
import { appended } from "../sequence-cache.js";
import { type SequenceSpan, sequenceSpans } from "../sequence-spans.js";
import type { ArrayInputs, ArrayOptions, TensorOperation } from "../tensor-operation.js";
import { rowsOf, widthOf } from "../tensor-shape.js";
import type { TfjsArray } from "../tfjs-library.js";
import type { TfjsRuntime } from "../tfjs-runtime.js";

type Inputs = ArrayInputs<"shortConvolution">;
type Options = ArrayOptions<"shortConvolution">;

export const shortConvolution: TensorOperation<"shortConvolution"> = {
  forward(runtime, inputs, options) {
    const { tf } = runtime;
    const normed = rmsNorm(runtime, inputs.x, inputs.norm, normOf(options));
    const { taps } = tapsOf(runtime, normed, inputs, options);
    const sum = convolved(runtime, taps, inputs.weight);
    return { y: tf.add(inputs.x, tf.mul(sum, tf.sigmoid(sum))) };
  },

  backward(runtime, { inputs, options }, { y: dy }) {
    if (dy === undefined) return {};
    const { tf } = runtime;
    const { x, norm, weight } = inputs;
    const kernel = widthOf(weight);
    const normed = rmsNorm(runtime, x, norm, normOf(options));
    const { taps } = tapsOf(runtime, normed, inputs, options);
    const sum = convolved(runtime, taps, weight);
    const s = tf.sigmoid(sum);
    const slope = tf.mul(s, tf.add(tf.mul(sum, tf.sub(1, s)), 1)); // of silu
    const g = tf.mul(dy, slope);
    const padded = withZeroRow(runtime, [g]);
    let dNormed = tf.zeros(x.shape);
    const dTaps: TfjsArray[] = [];
    taps.forEach((tap, i) => {
      // the token that a row was a tap of lies as far after it
      const ahead = spanRows(options, rowsOf(x), ({ to }, t) =>
        t + backOf(i, kernel, options) < to ? t + backOf(i, kernel, options) + 1 : 0,
      );
      const up = rowPicks(runtime, padded, tf.tensor(ahead, [ahead.length], "int32"));
      dNormed = tf.add(dNormed, tf.mul(up, tapWeight(runtime, weight, i)));
      dTaps.push(tf.reshape(tf.sum(tf.mul(g, tap), 0), [widthOf(x), 1]));
    });
    const through = rmsNormBackward(runtime, x, norm, normOf(options), dNormed);
    return {
      x: tf.add(through.dx, dy),
      ...(through.dWeight && { norm: through.dWeight }),
      weight: tf.concat(dTaps, 1),
    };
  },
};

/** What each tap reads for each token: [kernel] of [N, C]. */
function tapsOf(runtime: TfjsRuntime, normed: TfjsArray, { x, weight }: Inputs, options: Options) {
  const { tf } = runtime;
  const kernel = widthOf(weight);
  const channels = widthOf(x);
  const base = new Map<SequenceSpan, number>(); // row of the span's position 0 in the source, if it had one
  let source: TfjsArray;
  const spans = sequenceSpans(options.sequences);
  if (options.caches === undefined) {
    source = withZeroRow(runtime, [normed]);
    for (const span of spans) base.set(span, 1 + span.from);
  } else {
    const parts: TfjsArray[] = [];
    let at = 1;
    for (const span of spans) {
      const cache = options.caches[span.sequence];
      if (cache === undefined) continue; // checked: there is one a sequence
      const own = tf.reshape(tf.slice(normed, [span.from, 0], [span.to - span.from, channels]), [
        1,
        span.to - span.from,
        channels,
      ]);
      const {
        parts: [all = own],
        first,
        end,
      } = appended(runtime, cache, span.start, [own]);
      parts.push(tf.reshape(all, [end - first, channels]));
      base.set(span, at - first);
      at += end - first;
    }
    source = withZeroRow(runtime, parts.length === 0 ? [normed] : parts);
  }
  const taps = Array.from({ length: kernel }, (_, i) => {
    const rows = new Int32Array(rowsOf(x));
    for (const span of spans) {
      for (let t = span.from; t < span.to; t++) {
        const position = span.start + t - span.from - backOf(i, kernel, options);
        rows[t] = position < 0 ? 0 : (base.get(span) ?? 0) + position;
      }
    }
    return rowPicks(runtime, source, tf.tensor(rows, [rows.length], "int32"));
  });
  return { taps };
}

function convolved(runtime: TfjsRuntime, taps: readonly TfjsArray[], weight: TfjsArray): TfjsArray {
  const { tf } = runtime;
  const products = taps.map((tap, i) => tf.mul(tap, tapWeight(runtime, weight, i)));
  return products.reduce((sum, addend) => tf.add(sum, addend));
}

/** Weights of one tap [1, C]. */
function tapWeight({ tf }: TfjsRuntime, weight: TfjsArray, i: number): TfjsArray {
  return tf.reshape(tf.slice(weight, [0, i], [rowsOf(weight), 1]), [1, rowsOf(weight)]);
}

/** Tokens that tap i looks back. */
function backOf(i: number, kernel: number, { dilation }: Options): number {
  return (kernel - 1 - i) * dilation;
}

function spanRows(
  { sequences }: Options,
  tokens: number,
  rowOf: (span: SequenceSpan, t: number) => number,
): Int32Array {
  const rows = new Int32Array(tokens);
  for (const span of sequenceSpans(sequences)) {
    for (let t = span.from; t < span.to; t++) rows[t] = rowOf(span, t);
  }
  return rows;
}

/** Matrices one under the other, under a row of zeros. */
function withZeroRow({ tf }: TfjsRuntime, parts: readonly TfjsArray[]): TfjsArray {
  return tf.concat([tf.zeros([1, parts[0]?.shape[1] ?? 0]), ...parts], 0);
}

function normOf({ streams, epsilon, weightOffset }: Options) {
  return { epsilon, weightOffset, groups: streams };
}
