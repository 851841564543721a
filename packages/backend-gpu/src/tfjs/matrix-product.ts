// Products of matrices, alone and in batches, and linear maps made of them. Every product of the engine goes through here,
// since backends differ in which of them are fast: tfjs's wasm backend multiplies two matrices that lie as they are with
// XNNPACK, and everything else, transposed or batched, with a plain loop, 15 to 30 times slower. So on wasm a batch is
// taken apart, and of x W^T the smaller side is transposed: (W x^T)^T leaves the weights as they lie.

import { rowRange } from "./row-copies.js";
import { rowsOf } from "./tensor-shape.js";
import type { TfjsArray } from "./tfjs-library.js";
import type { TfjsRuntime } from "./tfjs-runtime.js";

/** Which sides of a product are transposed. */
export interface Transposed {
  readonly a?: boolean;
  readonly b?: boolean;
}

/** Multiplications below which a batch is left whole: taking a matrix out of it and putting it back costs as much. */
const LEAST_PART = 100_000;

/** a b, of matrices [m, k] and [k, n] or batches of them [B, m, k] and [B, k, n]; sides that are `transposed` lie so. */
export function product(runtime: TfjsRuntime, a: TfjsArray, b: TfjsArray, transposed: Transposed = {}): TfjsArray {
  const { tf } = runtime;
  const [m = 0, k = 0] = sides(a, transposed.a);
  const [, n = 0] = sides(b, transposed.b);
  const batch = a.shape.slice(0, -2);
  if (k === 0 || m === 0 || n === 0 || batch[0] === 0) return tf.zeros([...batch, m, n]);
  if (runtime.products === "direct") return tf.matMul(a, b, transposed.a, transposed.b);
  if (batch.length === 0) return plainProduct(runtime, a, b, transposed);
  if (m * n * k < LEAST_PART) return tf.matMul(a, b, transposed.a, transposed.b);
  const parts = Array.from({ length: rowsOf(a) }, (_, i) =>
    tf.tidy(() => {
      const part = plainProduct(runtime, matrixOf(runtime, a, i), matrixOf(runtime, b, i), transposed);
      return tf.reshape(part, [1, m, n]);
    }),
  );
  const [only] = parts;
  return only !== undefined && parts.length === 1 ? only : tf.concat(parts, 0);
}

/** Of two matrices, with none transposed in the end. */
function plainProduct({ tf }: TfjsRuntime, a: TfjsArray, b: TfjsArray, transposed: Transposed): TfjsArray {
  const [m = 0, k = 0] = sides(a, transposed.a);
  const [, n = 0] = sides(b, transposed.b);
  const left = transposed.a ? tf.transpose(a) : a;
  if (!transposed.b) return tf.matMul(left, b);
  // a b^T, or (b a^T)^T: what is moved is b, or a and the result
  if (n * k <= m * k + m * n) return tf.matMul(left, tf.transpose(b));
  return tf.transpose(tf.matMul(b, transposed.a ? a : tf.transpose(a)));
}

function sides({ shape }: TfjsArray, transposed = false): number[] {
  const last = shape.slice(-2);
  return transposed ? last.reverse() : last;
}

/** Matrix i of a batch. */
export function matrixOf(runtime: TfjsRuntime, batch: TfjsArray, i: number): TfjsArray {
  const [, rows = 0, columns = 0] = batch.shape;
  return runtime.tf.reshape(rowRange(runtime, batch, i, 1), [rows, columns]);
}

/** y = x W^T + b: x [N, i], weight [o, i], bias [o] -> [N, o]. */
export function linear(runtime: TfjsRuntime, x: TfjsArray, weight: TfjsArray, bias?: TfjsArray): TfjsArray {
  const y = product(runtime, x, weight, { b: true });
  return bias === undefined ? y : runtime.tf.add(y, bias);
}

/** The gradient of x: dy W. */
export function linearInputGradient(runtime: TfjsRuntime, weight: TfjsArray, dy: TfjsArray): TfjsArray {
  return product(runtime, dy, weight);
}

/** The gradient of W: dy^T x. */
export function linearWeightGradient(runtime: TfjsRuntime, x: TfjsArray, dy: TfjsArray): TfjsArray {
  return product(runtime, dy, x, { a: true });
}
