// One step of Adam for the rows that a step touched, as torch.optim.SparseAdam: rows that were not touched keep their
// values and their moments. No weight decay. Here are its options and what follows from them; the loop is the kernel's
// (assembly/row-kernel.ts), where rows and moments lie is row-optimizer.ts.
//
//   m <- m + (1 - b1) (g - m);  v <- v + (1 - b2) (g^2 - v)
//   p <- p - lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon)
//
// float32 throughout, as there.

import type { AdamNumbers } from "../assembly/row-kernel.js";

/** Options of one step. */
export interface SparseAdamOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** The number of this step, from 1, counted for the table, not for a row. */
  readonly step: number;
  /** Scales the gradients. */
  readonly factor: number;
}

/** What the loop needs of a step's options. */
export function adamNumbers({ learningRate, beta1, beta2, epsilon, step, factor }: SparseAdamOptions): AdamNumbers {
  const stepSize = (learningRate * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step);
  return { factor, stepSize, rest1: 1 - beta1, rest2: 1 - beta2, epsilon };
}
