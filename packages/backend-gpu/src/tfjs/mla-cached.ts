// Latent attention of sequences with caches, which hold [latent, rotated key] of each token: [1, P, rank + r]. Two forms
// of the same result. Expanded: keys and values of all heads are made of the latents. Latent: queries are taken into the
// latents' space instead, q_h keyValueUp_h, where all heads read one key and one value, and what they read is taken back;
// less work where few tokens meet a long cache, as in decoding. Letters as in operations/mla.ts.

import { attend } from "./attention.js";
import { linear, product } from "./matrix-product.js";
import { expand } from "./mla-projection.js";
import { packedAttention, tokensFirst } from "./packed-attention.js";
import { rowRange } from "./row-copies.js";
import { appended } from "./sequence-cache.js";
import { sequenceSpans } from "./sequence-spans.js";
import type { ArrayOptions } from "./tensor-operation.js";
import { rowsOf } from "./tensor-shape.js";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

type Options = ArrayOptions<"mla">;

/** query [N, H * (n + r)], latent [N, rank], shared [N, r] -> [N, H * u]. */
export function cachedLatentAttention(
  runtime: TfjsRuntime,
  { query, latent, shared }: { query: TfjsArray; latent: TfjsArray; shared: TfjsArray },
  keyValueUp: TfjsArray,
  options: Options,
): TfjsArray {
  const { tf } = runtime;
  const { heads, contentWidth: n, rotaryWidth: r, valueWidth: u, caches = [] } = options;
  const rows = tf.concat([latent, shared], 1); // [N, rank + r]
  const rank = latent.shape[1] ?? 0;
  const outs: TfjsArray[] = [];
  for (const { sequence, from, to, start } of sequenceSpans(options.sequences)) {
    const cache = caches[sequence];
    if (cache === undefined) continue; // checked: there is one a sequence
    const T = to - from;
    const own = tf.reshape(rowRange(runtime, rows, from, T), [1, T, rank + r]);
    const {
      parts: [all = own],
    } = appended(runtime, cache, start, [own]);
    const q = rowRange(runtime, query, from, T);
    // per head: T P (2 rank + r) against T P (n + r + u) and P rank (n + u) to expand
    const inLatents = T * (2 * rank - n - u) < rank * (n + u);
    outs.push(
      inLatents
        ? attendInLatents(runtime, q, all, keyValueUp, options)
        : attendExpanded(runtime, q, all, keyValueUp, options),
    );
  }
  if (outs.length === 0) return tf.zeros([0, heads * u]);
  return outs.length === 1 && outs[0] !== undefined ? outs[0] : tf.concat(outs, 0);
}

function attendInLatents(
  runtime: TfjsRuntime,
  query: TfjsArray,
  cached: TfjsArray,
  keyValueUp: TfjsArray,
  { heads, contentWidth: n, rotaryWidth: r, valueWidth: u, scale }: Options,
): TfjsArray {
  const { tf } = runtime;
  const T = rowsOf(query);
  const [, , width = 0] = cached.shape; // rank + r
  const rank = width - r;
  const up = tf.reshape(keyValueUp, [heads, n + u, rank]);
  const byHead = tf.transpose(tf.reshape(query, [T, heads, n + r]), [1, 0, 2]); // [H, T, n + r]
  const content = tf.slice(byHead, [0, 0, 0], [heads, T, n]);
  const turning = tf.slice(byHead, [0, 0, n], [heads, T, r]);
  // the rows of the values meet zeros, which costs less than taking those of the keys out
  const padded = tf.pad(content, [
    [0, 0],
    [0, 0],
    [0, u],
  ]);
  const q = tf.concat([product(runtime, padded, up), turning], 2); // [H, T, rank + r]
  const read = attend(runtime, tf.reshape(q, [1, heads, T, width]), cached, cached, scale); // [1, H, T, rank + r]
  const latents = tf.slice(tf.reshape(read, [heads, T, width]), [0, 0, 0], [heads, T, rank]);
  const values = tf.slice(product(runtime, latents, up, { b: true }), [0, 0, n], [heads, T, u]);
  return tokensFirst(runtime, tf.reshape(values, [1, heads, T, u]), 1);
}

function attendExpanded(
  runtime: TfjsRuntime,
  query: TfjsArray,
  cached: TfjsArray,
  keyValueUp: TfjsArray,
  options: Options,
): TfjsArray {
  const { tf } = runtime;
  const { heads, contentWidth: n, rotaryWidth: r, valueWidth: u, scale } = options;
  const [, P = 0, width = 0] = cached.shape;
  const rows = tf.reshape(cached, [P, width]);
  const latents = tf.slice(rows, [0, 0], [P, width - r]);
  const shared = tf.slice(rows, [0, width - r], [P, r]);
  const { key, value } = expand(runtime, linear(runtime, latents, keyValueUp), shared, options);
  const T = rowsOf(query);
  if (T === P) {
    const shape = { heads, keyValueHeads: heads, keyWidth: n + r, valueWidth: u, scale };
    return packedAttention(runtime, [{ sequence: 0, from: 0, to: T, start: 0 }], query, key, value, shape);
  }
  const byHead = (x: TfjsArray, tokens: number, w: number) =>
    tf.transpose(tf.reshape(x, [tokens, heads, w]), [1, 0, 2]);
  const q = tf.reshape(byHead(query, T, n + r), [heads, 1, T, n + r]);
  return tokensFirst(runtime, attend(runtime, q, byHead(key, P, n + r), byHead(value, P, u), scale), 1);
}
