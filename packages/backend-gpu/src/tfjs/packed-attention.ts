// Attention of the sequences of a packed batch without caches, forward and backward, on matrices of the tokens' heads.
// Sequences of one length are one batch; else each is computed by itself.

import { attend, attendBackward } from "./attention.js";
import { rowRange } from "./row-copies.js";
import type { SequenceSpan } from "./sequence-spans.js";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

/** Sizes of an attention: K key-value heads, each read by H / K query heads. */
export interface AttentionShape {
  readonly heads: number;
  readonly keyValueHeads: number;
  readonly keyWidth: number;
  readonly valueWidth: number;
  readonly scale: number;
}

/** query [N, H * w], key [N, K * w], value [N, K * u] -> [N, H * u]. */
export function packedAttention(
  runtime: TfjsRuntime,
  spans: readonly SequenceSpan[],
  query: TfjsArray,
  key: TfjsArray,
  value: TfjsArray,
  shape: AttentionShape,
): TfjsArray {
  const outs = batchesOf(spans).map((batch) => {
    const { q, k, v } = headsFirst(runtime, batch, query, key, value, shape);
    return tokensFirst(runtime, attend(runtime, q, k, v, shape.scale), batch.sequences);
  });
  return joined(runtime, outs, shape.heads * shape.valueWidth);
}

/** Gradients of {@link packedAttention}, in the shapes of its inputs. */
export function packedAttentionBackward(
  runtime: TfjsRuntime,
  spans: readonly SequenceSpan[],
  query: TfjsArray,
  key: TfjsArray,
  value: TfjsArray,
  shape: AttentionShape,
  dOut: TfjsArray,
): { dQuery: TfjsArray; dKey: TfjsArray; dValue: TfjsArray } {
  const { heads, keyValueHeads: K, valueWidth, scale } = shape;
  const parts = batchesOf(spans).map((batch) => {
    const { q, k, v } = headsFirst(runtime, batch, query, key, value, shape);
    const g = queryHeads(runtime, batch, dOut, K, heads / K, valueWidth);
    const { dQuery, dKey, dValue } = attendBackward(runtime, q, k, v, scale, g);
    const back = (x: TfjsArray) => tokensFirst(runtime, oneGroup(runtime, x), batch.sequences);
    return { dQuery: tokensFirst(runtime, dQuery, batch.sequences), dKey: back(dKey), dValue: back(dValue) };
  });
  const { keyWidth } = shape;
  return {
    dQuery: joined(
      runtime,
      parts.map((part) => part.dQuery),
      heads * keyWidth,
    ),
    dKey: joined(
      runtime,
      parts.map((part) => part.dKey),
      K * keyWidth,
    ),
    dValue: joined(
      runtime,
      parts.map((part) => part.dValue),
      K * valueWidth,
    ),
  };
}

/** Sequences of one length that lie one after the other. */
interface Batch {
  readonly from: number;
  readonly sequences: number;
  readonly length: number;
}

function batchesOf(spans: readonly SequenceSpan[]): Batch[] {
  const [first] = spans;
  if (first === undefined) return [];
  const length = first.to - first.from;
  if (spans.every(({ from, to }) => to - from === length))
    return [{ from: first.from, sequences: spans.length, length }];
  return spans.map(({ from, to }) => ({ from, sequences: 1, length: to - from }));
}

function headsFirst(
  runtime: TfjsRuntime,
  batch: Batch,
  query: TfjsArray,
  key: TfjsArray,
  value: TfjsArray,
  { heads, keyValueHeads: K, keyWidth, valueWidth }: AttentionShape,
) {
  const flat = (x: TfjsArray, width: number) =>
    runtime.tf.reshape(queryHeads(runtime, batch, x, K, 1, width), [batch.sequences * K, batch.length, width]);
  return {
    q: queryHeads(runtime, batch, query, K, heads / K, keyWidth),
    k: flat(key, keyWidth),
    v: flat(value, valueWidth),
  };
}

/** A batch's tokens [S * T, K * G * w] of [N, K * G * w] as [S * K, G, T, w]. */
function queryHeads(runtime: TfjsRuntime, batch: Batch, x: TfjsArray, K: number, groups: number, width: number) {
  const { tf } = runtime;
  const { from, sequences: S, length: T } = batch;
  const own = S * T === x.shape[0] ? x : rowRange(runtime, x, from, S * T);
  const turned = T === 1 ? own : tf.transpose(tf.reshape(own, [S, T, K * groups, width]), [0, 2, 1, 3]);
  return tf.reshape(turned, [S * K, groups, T, width]);
}

/** [B, T, w] as [B, 1, T, w]. */
function oneGroup({ tf }: TfjsRuntime, x: TfjsArray): TfjsArray {
  const [batch = 0, ...rest] = x.shape;
  return tf.reshape(x, [batch, 1, ...rest]);
}

/** [S * K, G, T, w] as [S * T, K * G * w]. */
export function tokensFirst({ tf }: TfjsRuntime, x: TfjsArray, sequences: number): TfjsArray {
  const [batch = 0, groups = 0, T = 0, width = 0] = x.shape;
  const heads = (batch / sequences) * groups;
  const turned = T === 1 ? x : tf.transpose(tf.reshape(x, [sequences, heads, T, width]), [0, 2, 1, 3]);
  return tf.reshape(turned, [sequences * T, heads * width]);
}

function joined({ tf }: TfjsRuntime, parts: readonly TfjsArray[], width: number): TfjsArray {
  const [only] = parts;
  if (only === undefined) return tf.zeros([0, width]);
  return parts.length === 1 ? only : tf.concat(parts, 0);
}
