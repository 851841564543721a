// linear: y = x W^T + b. x [N, i], weight [o, i], bias [o], y [N, o].

import * as maps from "../matrix-product.js";
import type { TensorOperation } from "../tensor-operation.js";

export const linear: TensorOperation<"linear"> = {
  forward: (runtime, { x, weight, bias }) => ({ y: maps.linear(runtime, x, weight, bias) }),
  backward(runtime, { inputs: { x, weight } }, { y: dy }, wanted) {
    if (dy === undefined) return {};
    return {
      ...(wanted.has("x") && { x: maps.linearInputGradient(runtime, weight, dy) }),
      ...(wanted.has("weight") && { weight: maps.linearWeightGradient(runtime, x, dy) }),
      ...(wanted.has("bias") && { bias: runtime.tf.sum(dy, 0) }),
    };
  },
};
