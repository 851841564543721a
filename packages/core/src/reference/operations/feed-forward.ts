// feedForward, SwiGLU: y = down (silu(gate x) * up x). x [N, d], gate and up [w, d], down [d, w]. The experts of moe.ts
// are the same on the tokens that they get.

import type { BackendOperation } from "../../model/backend-operations.js";
import { swiglu, swigluBackward } from "../swiglu.js";
import { checkShape, type ReferenceTensor, rowsOf, tensor, widthOf } from "../tensor.js";

export const feedForward: BackendOperation<ReferenceTensor, "feedForward"> = {
  forward({ x, gate, up, down }) {
    const d = widthOf(x);
    const w = rowsOf(gate);
    checkShape("feedForward", "gate", gate, [w, d]);
    checkShape("feedForward", "up", up, [w, d]);
    checkShape("feedForward", "down", down, [d, w]);
    const weights = { gate: gate.values, up: up.values, down: down.values };
    return { y: tensor(swiglu(x.values, weights, d), ...x.shape) };
  },
  backward({ inputs: { x, gate, up, down } }, { y: dy }) {
    if (dy === undefined) return {};
    const weights = { gate: gate.values, up: up.values, down: down.values };
    const { dx, dGate, dUp, dDown } = swigluBackward(x.values, weights, widthOf(x), dy.values);
    return {
      x: tensor(dx, ...x.shape),
      gate: tensor(dGate, ...gate.shape),
      up: tensor(dUp, ...up.shape),
      down: tensor(dDown, ...down.shape),
    };
  },
};
