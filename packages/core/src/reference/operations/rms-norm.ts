// rmsNorm: y = x / sqrt(mean(x^2) + epsilon) * (weightOffset + weight), for each of a token's groups by itself.
// x [N, groups * d], weight [groups * d].

import type { BackendOperation } from "../../model/backend-operations.js";
import { rmsNormGroups, rmsNormGroupsBackward } from "../rms-norm.js";
import { checkShape, type ReferenceTensor, tensor, widthOf } from "../tensor.js";

export const rmsNorm: BackendOperation<ReferenceTensor, "rmsNorm"> = {
  forward({ x, weight }, options) {
    checkShape("rmsNorm", "weight", weight, [widthOf(x)]);
    return { y: tensor(rmsNormGroups(x.values, weight.values, options), ...x.shape) };
  },
  backward({ inputs: { x, weight }, options }, { y: dy }) {
    if (dy === undefined) return {};
    const { dx, dWeight } = rmsNormGroupsBackward(x.values, weight.values, options, dy.values);
    return { x: tensor(dx, ...x.shape), weight: tensor(dWeight, ...weight.shape) };
  },
};
