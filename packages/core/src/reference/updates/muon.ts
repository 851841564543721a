// One step of Muon on plain arrays, as torch.optim.Muon: momentum, its orthogonalisation (newton-schulz.ts), and a decay
// apart from the gradient. Experts are matrices of their own. Letters: mu momentum, lr learning rate.
//
//   B <- mu B + (1 - mu) G;  U = (1 - mu) G + mu B with Nesterov, else B
//   P <- (1 - lr * decay) P - lr * adjust(rows, columns) * orthogonal(U)

import type { MuonOptions } from "../../model/backend-updates.js";
import { newtonSchulz } from "./newton-schulz.js";

/** Arrays of one parameter, `[rows, columns]` or `[experts, rows, columns]`, all of one length. */
export interface MuonArrays {
  readonly parameter: Float64Array;
  readonly gradient: Float64Array;
  readonly momentum: Float64Array;
}

/**
 * Changes the parameter and its momentum.
 * @param factor scales the gradient.
 */
export function muon(
  { parameter, gradient, momentum }: MuonArrays,
  [rows, columns]: readonly [rows: number, columns: number],
  options: MuonOptions,
  factor = 1,
): void {
  const { momentum: mu, nesterov, learningRate, weightDecay, adjust } = options;
  const update = new Float64Array(parameter.length);
  for (let i = 0; i < parameter.length; i++) {
    const g = (gradient[i] ?? 0) * factor;
    const kept = mu * (momentum[i] ?? 0) + (1 - mu) * g;
    momentum[i] = kept;
    update[i] = nesterov ? (1 - mu) * g + mu * kept : kept;
  }
  const ratio =
    adjust === "original" ? Math.sqrt(Math.max(1, rows / columns)) : 0.2 * Math.sqrt(Math.max(rows, columns));
  const keep = 1 - learningRate * weightDecay;
  const size = rows * columns;
  for (let at = 0; at < parameter.length; at += size) {
    const direction = newtonSchulz(update.subarray(at, at + size), [rows, columns], options);
    for (let i = 0; i < size; i++) {
      parameter[at + i] = (parameter[at + i] ?? 0) * keep - learningRate * ratio * (direction[i] ?? 0);
    }
  }
}
