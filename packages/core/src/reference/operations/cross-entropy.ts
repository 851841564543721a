// crossEntropy: the mean of -ln softmax(logits)[target] over the tokens whose target is not negative; 0 without any.
// logits [N, V], targets [N] -> loss [1]. Its gradient is (softmax - one-hot) / count.

import { EngramError } from "../../errors.js";
import type { BackendOperation, OperationInputs, OperationOptions } from "../../model/backend-operations.js";
import { softmax } from "../attend.js";
import { type ReferenceTensor, rowsOf, tensor, widthOf, zeros } from "../tensor.js";

type Inputs = OperationInputs<ReferenceTensor, "crossEntropy">;
type Options = OperationOptions<ReferenceTensor, "crossEntropy">;

export const crossEntropy: BackendOperation<ReferenceTensor, "crossEntropy"> = {
  forward(inputs, options) {
    const counted = countedTokens(inputs, options);
    let sum = 0;
    for (const { t, target } of counted) {
      const row = rowOf(inputs.logits, t);
      const most = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
      const total = row.reduce((a, z) => a + Math.exp(z - most), 0);
      sum += Math.log(total) + most - (row[target] ?? 0);
    }
    return { loss: tensor(Float64Array.of(counted.length === 0 ? 0 : sum / counted.length), 1) };
  },
  backward({ inputs, options }, { loss: dLoss }) {
    if (dLoss === undefined) return {};
    const counted = countedTokens(inputs, options);
    const dLogits = zeros(...inputs.logits.shape);
    for (const { t, target } of counted) {
      const p = softmax(rowOf(inputs.logits, t).slice());
      p[target] = (p[target] ?? 0) - 1;
      const factor = (dLoss.values[0] ?? 0) / counted.length;
      dLogits.values.set(
        p.map((g) => g * factor),
        t * p.length,
      );
    }
    return { logits: dLogits };
  },
};

function rowOf(logits: ReferenceTensor, t: number): Float64Array {
  return logits.values.subarray(t * widthOf(logits), (t + 1) * widthOf(logits));
}

function countedTokens({ logits }: Inputs, { targets }: Options): { t: number; target: number }[] {
  const vocabulary = widthOf(logits);
  const wrong = targets.findIndex((target) => target >= vocabulary);
  if (wrong >= 0 || targets.length !== rowsOf(logits)) {
    const found = wrong >= 0 ? `targets[${wrong}] is ${targets[wrong]}` : `there are ${targets.length} targets`;
    throw new EngramError({
      code: wrong >= 0 ? "token-out-of-range" : "invalid-argument",
      operation: "crossEntropy",
      message: `${found}; logits are [${logits.shape.join(", ")}]: a target below ${vocabulary} a token, negative for none`,
    });
  }
  return Array.from(targets, (target, t) => ({ t, target })).filter(({ target }) => target >= 0);
}
