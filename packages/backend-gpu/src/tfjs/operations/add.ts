// add: y = a + b.

import type { TensorOperation } from "../tensor-operation.js";

export const add: TensorOperation<"add"> = {
  forward: ({ tf }, { a, b }) => ({ y: tf.add(a, b) }),
  backward: (_, __, { y: dy }) => (dy === undefined ? {} : { a: dy, b: dy }),
};
