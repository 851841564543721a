// One step of AdamW on plain arrays: the decay apart from the gradient (arXiv 1711.05101), the arithmetic and its order as
// torch.optim.AdamW has them. Not here: which parameters take it, nor the learning rate of a step.
//
//   p <- (1 - lr * decay) p;  m <- b1 m + (1 - b1) g;  v <- b2 v + (1 - b2) g^2
//   p <- p - lr / (1 - b1^t) * m / (sqrt(v) / sqrt(1 - b2^t) + epsilon)

import type { AdamWOptions } from "../../model/backend-updates.js";

/** Arrays of one parameter, all of one length. */
export interface AdamWArrays {
  readonly parameter: Float64Array;
  readonly gradient: Float64Array;
  readonly first: Float64Array;
  readonly second: Float64Array;
}

/**
 * Changes the parameter and its moments.
 * @param factor scales the gradient.
 */
export function adamW({ parameter, gradient, first, second }: AdamWArrays, options: AdamWOptions, factor = 1): void {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step } = options;
  const keep = 1 - learningRate * weightDecay;
  const stepSize = learningRate / (1 - beta1 ** step);
  const correction = Math.sqrt(1 - beta2 ** step);
  for (let i = 0; i < parameter.length; i++) {
    const g = (gradient[i] ?? 0) * factor;
    const m = beta1 * (first[i] ?? 0) + (1 - beta1) * g;
    const v = beta2 * (second[i] ?? 0) + (1 - beta2) * g * g;
    first[i] = m;
    second[i] = v;
    parameter[i] = (parameter[i] ?? 0) * keep - (stepSize * m) / (Math.sqrt(v) / correction + epsilon);
  }
}
