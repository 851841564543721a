// What multi-head latent attention attends with, made of x: rotated queries, normed latents, the rotated key that the
// heads share; and the keys and values of all heads out of latents, with the gradients' way back. Letters as in
// operations/mla.ts.

import { linear } from "./matrix-product.js";
import { rmsNorm } from "./root-mean-square.js";
import { type Turn, turned } from "./rotary-turn.js";
import type { ArrayInputs, ArrayOptions } from "./tensor-operation.js";
import { rowsOf } from "./tensor-shape.js";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

type Inputs = ArrayInputs<"mla">;
type Options = ArrayOptions<"mla">;

/** Rotated queries [N, H * (n + r)], and what they were made of: the latent after and before its norm. */
export function projectQuery(
  runtime: TfjsRuntime,
  { x, queryUp, queryDown, queryNorm }: Inputs,
  options: Options,
  turn: Turn,
) {
  const down = queryDown === undefined ? undefined : linear(runtime, x, queryDown);
  const queryLatent =
    down === undefined || queryNorm === undefined ? x : rmsNorm(runtime, down, queryNorm, { epsilon: options.epsilon });
  const query = turnQuery(runtime, linear(runtime, queryLatent, queryUp), options, turn, 1);
  return { query, queryLatent, down };
}

/** Turns the rotary part of each head's query. */
export function turnQuery(
  runtime: TfjsRuntime,
  query: TfjsArray,
  { heads, contentWidth }: Options,
  turn: Turn,
  direction: 1 | -1,
): TfjsArray {
  const { tf } = runtime;
  const [tokens = 0, width = 0] = query.shape;
  const split = tf.reshape(query, [tokens, heads, width / heads]);
  return tf.reshape(turned(runtime, split, contentWidth, turn, direction), query.shape);
}

/** The latent [N, rank] after and before its norm, and the rotated shared key [N, r]. */
export function projectLatent(
  runtime: TfjsRuntime,
  { x, keyValueDown, keyValueNorm }: Inputs,
  { rotaryWidth: r, epsilon }: Options,
  turn: Turn,
) {
  const { tf } = runtime;
  const tokens = rowsOf(x);
  const rank = rowsOf(keyValueNorm);
  const down = linear(runtime, x, keyValueDown);
  const rawLatent = tf.slice(down, [0, 0], [tokens, rank]);
  const raw = tf.reshape(tf.slice(down, [0, rank], [tokens, r]), [tokens, 1, r]);
  return {
    rawLatent,
    latent: rmsNorm(runtime, rawLatent, keyValueNorm, { epsilon }),
    shared: tf.reshape(turned(runtime, raw, 0, turn, 1), [tokens, r]),
  };
}

/** up [P, H * (n + u)] and the shared key [P, r] as keys [P, H * (n + r)] and values [P, H * u]. */
export function expand({ tf }: TfjsRuntime, up: TfjsArray, shared: TfjsArray, options: Options) {
  const { heads, contentWidth: n, rotaryWidth: r, valueWidth: u } = options;
  const P = rowsOf(up);
  const split = tf.reshape(up, [P, heads, n + u]);
  const content = tf.slice(split, [0, 0, 0], [P, heads, n]);
  const turning = tf.tile(tf.reshape(shared, [P, 1, r]), [1, heads, 1]);
  return {
    key: tf.reshape(tf.concat([content, turning], 2), [P, heads * (n + r)]),
    value: tf.reshape(tf.slice(split, [0, 0, n], [P, heads, u]), [P, heads * u]),
  };
}

/** The gradients' way back through {@link expand}. */
export function contract({ tf }: TfjsRuntime, dKey: TfjsArray, dValue: TfjsArray, options: Options) {
  const { heads, contentWidth: n, rotaryWidth: r, valueWidth: u } = options;
  const P = rowsOf(dKey);
  const split = tf.reshape(dKey, [P, heads, n + r]);
  const content = tf.slice(split, [0, 0, 0], [P, heads, n]);
  return {
    dUp: tf.reshape(tf.concat([content, tf.reshape(dValue, [P, heads, u])], 2), [P, heads * (n + u)]),
    dShared: tf.sum(tf.slice(split, [0, 0, n], [P, heads, r]), 1), // [P, r]
  };
}
