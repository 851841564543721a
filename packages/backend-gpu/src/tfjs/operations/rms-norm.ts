// rmsNorm: y = x / sqrt(mean(x^2) + epsilon) * (weightOffset + weight), for each of a token's groups by itself.
// x [N, groups * d], weight [groups * d].

import * as norms from "../root-mean-square.js";
import type { TensorOperation } from "../tensor-operation.js";

export const rmsNorm: TensorOperation<"rmsNorm"> = {
  forward: (runtime, { x, weight }, options) => ({ y: norms.rmsNorm(runtime, x, weight, options) }),
  backward(runtime, { inputs: { x, weight }, options }, { y: dy }) {
    if (dy === undefined) return {};
    const { dx, dWeight } = norms.rmsNormBackward(runtime, x, weight, options, dy);
    return { x: dx, ...(dWeight && { weight: dWeight }) };
  },
};
