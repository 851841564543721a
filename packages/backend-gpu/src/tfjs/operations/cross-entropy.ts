// crossEntropy: the mean of -ln softmax(logits)[target] over the tokens whose target is not negative; 0 without any.
// logits [N, V], targets [N] -> loss [1]. Its gradient is (softmax - one-hot) / count. Tokens that are not counted are
// left out before anything is computed: what they hold, infinities too, has no part in it.

import { rowPicks } from "../row-copies.js";
import type { TensorOperation } from "../tensor-operation.js";
import { rowsOf, widthOf } from "../tensor-shape.js";
import type { TfjsArray } from "../tfjs-library.js";
import { oneHot, type TfjsRuntime } from "../tfjs-runtime.js";

export const crossEntropy: TensorOperation<"crossEntropy"> = {
  forward(runtime, { logits }, { targets }) {
    const { tf } = runtime;
    const counted = countedTokens(targets);
    const K = counted.length;
    if (K === 0) return { loss: tf.zeros([1]) };
    const rows = rowsAt(runtime, logits, counted);
    const V = widthOf(logits);
    const most = tf.max(rows, 1, true);
    const total = tf.add(tf.log(tf.sum(tf.exp(tf.sub(rows, most)), 1)), tf.reshape(most, [K])); // [K]
    const places = Int32Array.from(counted, (t, i) => i * V + (targets[t] ?? 0));
    const own = rowPicks(runtime, tf.reshape(rows, [K * V, 1]), tf.tensor(places, [K], "int32"));
    return { loss: tf.reshape(tf.mean(tf.sub(total, tf.reshape(own, [K])), 0), [1]) };
  },
  backward(runtime, { inputs: { logits }, options: { targets } }, { loss: dLoss }) {
    if (dLoss === undefined) return {};
    const { tf } = runtime;
    const counted = countedTokens(targets);
    const K = counted.length;
    if (K === 0) return { logits: tf.zeros(logits.shape) };
    const own = tf.tensor(
      Int32Array.from(counted, (t) => targets[t] ?? 0),
      [K],
      "int32",
    );
    const hot = oneHot(runtime, own, widthOf(logits));
    const p = tf.softmax(rowsAt(runtime, logits, counted));
    const dRows = tf.mul(tf.sub(p, hot), tf.mul(dLoss, 1 / K));
    if (K === targets.length) return { logits: dRows };
    const places = new Int32Array(targets.length); // 0 is a row of zeros
    counted.forEach((t, i) => {
      places[t] = i + 1;
    });
    const padded = tf.concat([tf.zeros([1, widthOf(logits)]), dRows], 0);
    return { logits: rowPicks(runtime, padded, tf.tensor(places, [places.length], "int32")) };
  },
};

function countedTokens(targets: Int32Array): number[] {
  return [...targets.keys()].filter((t) => (targets[t] ?? -1) >= 0);
}

function rowsAt(runtime: TfjsRuntime, x: TfjsArray, rows: readonly number[]): TfjsArray {
  const { tf } = runtime;
  return rows.length === rowsOf(x) ? x : rowPicks(runtime, x, tf.tensor(Int32Array.from(rows), [rows.length], "int32"));
}
