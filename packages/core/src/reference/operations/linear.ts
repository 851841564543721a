// linear: y = x W^T + b. x [N, i], weight [o, i], bias [o], y [N, o].

import type { BackendOperation } from "../../model/backend-operations.js";
import * as maps from "../linear.js";
import { checkShape, type ReferenceTensor, rowsOf, tensor, widthOf } from "../tensor.js";

export const linear: BackendOperation<ReferenceTensor, "linear"> = {
  forward({ x, weight, bias }) {
    const outputs = rowsOf(weight);
    checkShape("linear", "weight", weight, [outputs, widthOf(x)]);
    if (bias !== undefined) checkShape("linear", "bias", bias, [outputs]);
    return { y: tensor(maps.linear(x.values, weight.values, widthOf(x), bias?.values), rowsOf(x), outputs) };
  },
  backward({ inputs: { x, weight, bias } }, { y: dy }) {
    if (dy === undefined) return {};
    const { dx, dWeight, dBias } = maps.linearBackward(x.values, weight.values, widthOf(x), dy.values);
    return {
      x: tensor(dx, ...x.shape),
      weight: tensor(dWeight, ...weight.shape),
      ...(bias === undefined ? {} : { bias: tensor(dBias, ...bias.shape) }),
    };
  },
};
