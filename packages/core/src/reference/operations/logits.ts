// logits: head norm(x) for the tokens that are asked for. x [N, d], norm [d], head [V, d], tokens [K] -> y [K, V].

import { EngramError } from "../../errors.js";
import type { BackendOperation, OperationInputs, OperationOptions } from "../../model/backend-operations.js";
import { linear, linearBackward } from "../linear.js";
import { rmsNormGroups, rmsNormGroupsBackward } from "../rms-norm.js";
import { checkShape, type ReferenceTensor, rowsOf, tensor, widthOf } from "../tensor.js";

type Inputs = OperationInputs<ReferenceTensor, "logits">;
type Options = OperationOptions<ReferenceTensor, "logits">;

export const logits: BackendOperation<ReferenceTensor, "logits"> = {
  forward(inputs, options) {
    const { x, norm, head } = inputs;
    checkShape("logits", "norm", norm, [widthOf(x)]);
    checkShape("logits", "head", head, [rowsOf(head), widthOf(x)]);
    const { normed } = pick(inputs, options);
    return { y: tensor(linear(normed, head.values, widthOf(x)), options.tokens.length, rowsOf(head)) };
  },
  backward({ inputs, options }, { y: dy }) {
    if (dy === undefined) return {};
    const { x, norm, head } = inputs;
    const d = widthOf(x);
    const { picked, normed } = pick(inputs, options);
    const throughHead = linearBackward(normed, head.values, d, dy.values);
    const throughNorm = rmsNormGroupsBackward(picked, norm.values, options, throughHead.dx);
    const dx = new Float64Array(x.values.length);
    options.tokens.forEach((token, i) => {
      for (let c = 0; c < d; c++) dx[token * d + c] = (dx[token * d + c] ?? 0) + (throughNorm.dx[i * d + c] ?? 0);
    });
    return {
      x: tensor(dx, ...x.shape),
      norm: tensor(throughNorm.dWeight, ...norm.shape),
      head: tensor(throughHead.dWeight, ...head.shape),
    };
  },
};

function pick({ x, norm }: Inputs, { tokens, epsilon }: Options) {
  const d = widthOf(x);
  const picked = new Float64Array(tokens.length * d);
  tokens.forEach((token, i) => {
    if (token >= rowsOf(x)) {
      throw new EngramError({
        code: "invalid-argument",
        operation: "logits",
        message: `tokens[${i}] is ${token}; x has ${rowsOf(x)} tokens`,
      });
    }
    picked.set(x.values.subarray(token * d, (token + 1) * d), i * d);
  });
  return { picked, normed: rmsNormGroups(picked, norm.values, { epsilon }) };
}
