// The node of an optimizer's step.

import { GgmlNode, misfit, sameSides } from "./node.js";

/**
 * One step of AdamW, in place: parameter, first and second moments of equal sides; `numbers` f32 [7]: learning rate, beta1,
 * beta2, epsilon, weight decay, and the two corrections 1 / (1 - beta^step).
 */
export function adamWStep(
  parameter: GgmlNode,
  gradient: GgmlNode,
  first: GgmlNode,
  second: GgmlNode,
  numbers: GgmlNode,
): GgmlNode {
  const all = [parameter, gradient, first, second];
  if (all.some((one) => !sameSides(one, parameter) || one.type !== "f32" || !one.packed) || numbers.values !== 7) {
    throw misfit("opt_step_adamw", "sides", ...all, numbers);
  }
  return new GgmlNode("f32", parameter.sides, {
    operation: "adamW",
    sources: [parameter, gradient, first, second, numbers],
    view: true,
    writes: [0, 2, 3],
  });
}
