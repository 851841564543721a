// logits: head norm(x) for the tokens that are asked for. x [N, d], norm [d], head [V, d], tokens [K] -> y [K, V].

import { linear, linearInputGradient, linearWeightGradient } from "../matrix-product.js";
import { rmsNorm, rmsNormBackward } from "../root-mean-square.js";
import { rowPicks } from "../row-copies.js";
import type { ArrayInputs, ArrayOptions, TensorOperation } from "../tensor-operation.js";
import { rowsOf, widthOf } from "../tensor-shape.js";
import type { TfjsArray } from "../tfjs-library.js";
import type { TfjsRuntime } from "../tfjs-runtime.js";

export const logits: TensorOperation<"logits"> = {
  forward(runtime, inputs, options) {
    const { normed } = pick(runtime, inputs, options);
    return { y: linear(runtime, normed, inputs.head) };
  },
  backward(runtime, { inputs, options }, { y: dy }, wanted) {
    if (dy === undefined) return {};
    const { x, norm, head } = inputs;
    const { picked, normed } = pick(runtime, inputs, options);
    const dNormed = linearInputGradient(runtime, head, dy);
    const through = rmsNormBackward(runtime, picked, norm, { epsilon: options.epsilon }, dNormed);
    return {
      x: putBack(runtime, through.dx, options.tokens, rowsOf(x)),
      ...(through.dWeight && { norm: through.dWeight }),
      ...(wanted.has("head") && { head: linearWeightGradient(runtime, normed, dy) }),
    };
  },
};

function pick(runtime: TfjsRuntime, { x, norm }: ArrayInputs<"logits">, { tokens, epsilon }: ArrayOptions<"logits">) {
  const { tf } = runtime;
  const whole = tokens.length === rowsOf(x) && tokens.every((token, i) => token === i);
  const picked = whole ? x : rowPicks(runtime, x, tf.tensor(Int32Array.from(tokens), [tokens.length], "int32"));
  return { picked, normed: rmsNorm(runtime, picked, norm, { epsilon }) };
}

/**
 * Rows [K, d] added up at their tokens [N, d]. Gathers alone, which have no race and exist everywhere: the i-th time that
 * tokens are named makes the i-th addend.
 */
function putBack(runtime: TfjsRuntime, rows: TfjsArray, tokens: Uint32Array, count: number): TfjsArray {
  const { tf } = runtime;
  const d = widthOf(rows);
  const rounds: Int32Array[] = [];
  const seen = new Uint32Array(count);
  tokens.forEach((token, i) => {
    const round = seen[token] ?? 0;
    seen[token] = round + 1;
    rounds[round] ??= new Int32Array(count); // 0 is a row of zeros
    rounds[round][token] = i + 1;
  });
  const padded = tf.concat([tf.zeros([1, d]), rows], 0);
  const addends = rounds.map((indices) => rowPicks(runtime, padded, tf.tensor(indices, [count], "int32")));
  return addends.reduce((sum, addend) => tf.add(sum, addend), addends.shift() ?? tf.zeros([count, d]));
}
