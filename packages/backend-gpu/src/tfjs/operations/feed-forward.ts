// feedForward, SwiGLU: y = down (silu(gate x) * up x). x [N, d], gate and up [w, d], down [d, w].

import { swiglu, swigluBackward } from "../swiglu.js";
import type { TensorOperation } from "../tensor-operation.js";

export const feedForward: TensorOperation<"feedForward"> = {
  forward: (runtime, { x, ...weights }) => ({ y: swiglu(runtime, x, weights) }),
  backward(runtime, { inputs: { x, ...weights } }, { y: dy }) {
    if (dy === undefined) return {};
    const { dx, dGate, dUp, dDown } = swigluBackward(runtime, x, weights, dy);
    return { x: dx, gate: dGate, up: dUp, down: dDown };
  },
};
