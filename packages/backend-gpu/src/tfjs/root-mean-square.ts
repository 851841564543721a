// Root-mean-square normalisation of vectors that lie side by side in a token, each by itself, and its gradients.
// r = 1 / sqrt(mean(x^2) + epsilon), y = x r s with s = weightOffset + weight;
// dx = r (s dy - x r mean(s dy x r)), ds = sum over tokens of dy x r.

import { elements } from "./tensor-shape.js";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

/** How vectors are normalised. */
export interface GroupedNorm {
  readonly epsilon: number;
  /** Vectors of a token, default 1. */
  readonly groups?: number;
  readonly weightOffset?: 0 | 1;
}

/** x [..., groups * d] with weight [groups * d], or without one. Where x is wider than the weight, it holds several such. */
export function rmsNorm(
  runtime: TfjsRuntime,
  x: TfjsArray,
  weight: TfjsArray | undefined,
  norm: GroupedNorm,
): TfjsArray {
  const { tf } = runtime;
  const { scaled, scale } = normed(runtime, x, weight, norm);
  return tf.reshape(scale === undefined ? scaled : tf.mul(scaled, scale), x.shape);
}

/** Gradients of {@link rmsNorm}; without a weight that of x alone. */
export function rmsNormBackward(
  runtime: TfjsRuntime,
  x: TfjsArray,
  weight: TfjsArray | undefined,
  norm: GroupedNorm,
  dy: TfjsArray,
): { dx: TfjsArray; dWeight: TfjsArray | undefined } {
  const { tf } = runtime;
  const { scaled, scale, reciprocal } = normed(runtime, x, weight, norm);
  const up = tf.reshape(dy, scaled.shape); // [M, groups, d]
  const through = scale === undefined ? up : tf.mul(up, scale);
  const pull = tf.mul(scaled, tf.mean(tf.mul(through, scaled), 2, true));
  const dx = tf.reshape(tf.mul(reciprocal, tf.sub(through, pull)), x.shape);
  if (weight === undefined) return { dx, dWeight: undefined };
  return { dx, dWeight: tf.reshape(tf.sum(tf.mul(up, scaled), 0), weight.shape) };
}

function normed(
  { tf }: TfjsRuntime,
  x: TfjsArray,
  weight: TfjsArray | undefined,
  { epsilon, groups = 1, weightOffset = 0 }: GroupedNorm,
) {
  const width = weight?.size ?? x.shape.at(-1) ?? 1;
  const split = tf.reshape(x, [elements(x.shape) / width, groups, width / groups]); // [M, groups, d]
  // not tf.rsqrt, which is an approximation on tensorflow: gates near a score of 0 make ten times of its error
  const reciprocal = tf.div(1, tf.sqrt(tf.add(tf.mean(tf.square(split), 2, true), epsilon))); // [M, groups, 1]
  const factors = weight === undefined ? undefined : tf.reshape(weight, [1, groups, width / groups]);
  return {
    scaled: tf.mul(split, reciprocal),
    reciprocal,
    scale: factors === undefined || weightOffset === 0 ? factors : tf.add(factors, weightOffset),
  };
}
