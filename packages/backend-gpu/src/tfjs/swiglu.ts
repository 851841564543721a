// SwiGLU: y = down (silu(a) b), a = gate x, b = up x; and the parts of it that experts share, whose products go through a
// plan of their own (operations/moe.ts).

import { linear, linearInputGradient, linearWeightGradient } from "./matrix-product.js";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

/** Weights of one SwiGLU: gate and up [w, d], down [d, w]. */
export interface SwigluWeights {
  readonly gate: TfjsArray;
  readonly up: TfjsArray;
  readonly down: TfjsArray;
}

/** silu(a) b. */
export function gated({ tf }: TfjsRuntime, a: TfjsArray, b: TfjsArray): TfjsArray {
  return tf.mul(tf.mul(a, tf.sigmoid(a)), b);
}

/** Gradients of {@link gated}: of a, dh b silu'(a), and of b, dh silu(a). */
export function gatedBackward({ tf }: TfjsRuntime, a: TfjsArray, b: TfjsArray, dh: TfjsArray) {
  const s = tf.sigmoid(a);
  const silu = tf.mul(a, s);
  const slope = tf.add(s, tf.mul(silu, tf.sub(1, s))); // s (1 + a (1 - s))
  return { da: tf.mul(tf.mul(dh, b), slope), db: tf.mul(dh, silu) };
}

/** [N, d] -> [N, d]. */
export function swiglu(runtime: TfjsRuntime, x: TfjsArray, { gate, up, down }: SwigluWeights): TfjsArray {
  return linear(runtime, gated(runtime, linear(runtime, x, gate), linear(runtime, x, up)), down);
}

/** Gradients of {@link swiglu}. */
export function swigluBackward(
  runtime: TfjsRuntime,
  x: TfjsArray,
  { gate, up, down }: SwigluWeights,
  dy: TfjsArray,
): { dx: TfjsArray; dGate: TfjsArray; dUp: TfjsArray; dDown: TfjsArray } {
  const { tf } = runtime;
  const a = linear(runtime, x, gate);
  const b = linear(runtime, x, up);
  const { da, db } = gatedBackward(runtime, a, b, linearInputGradient(runtime, down, dy));
  return {
    dx: tf.add(linearInputGradient(runtime, gate, da), linearInputGradient(runtime, up, db)),
    dGate: linearWeightGradient(runtime, x, da),
    dUp: linearWeightGradient(runtime, x, db),
    dDown: linearWeightGradient(runtime, gated(runtime, a, b), dy),
  };
}
