// One step of Adam for the rows that a step touched, as torch.optim.SparseAdam: rows that were not touched keep their
// values and their moments. No weight decay. Arrays alone; where rows and moments lie is row-optimizer.ts.
//
//   m <- m + (1 - b1) (g - m);  v <- v + (1 - b2) (g^2 - v)
//   p <- p - lr * sqrt(1 - b2^t) / (1 - b1^t) * m / (sqrt(v) + epsilon)

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

/** Arrays of n rows of w values. */
export interface SparseAdamArrays {
  /** `[n, w]`, changed. */
  readonly values: Float32Array;
  /** `[n, w]`. */
  readonly gradients: Float64Array;
  /** `[n, 2 * w]`, changed: a row's first moments, then its second. */
  readonly moments: Float32Array;
}

/** Changes values and moments; float64 in between, stored as float32. */
export function sparseAdam(
  { values, gradients, moments }: SparseAdamArrays,
  width: number,
  options: SparseAdamOptions,
) {
  const { learningRate, beta1, beta2, epsilon, step, factor } = options;
  const stepSize = (learningRate * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step);
  const rest1 = 1 - beta1;
  const rest2 = 1 - beta2;
  for (let at = 0, first = 0; at < values.length; at += width, first += 2 * width) {
    for (let c = 0; c < width; c++) {
      const g = (gradients[at + c] ?? 0) * factor;
      let m = moments[first + c] ?? 0;
      let v = moments[first + width + c] ?? 0;
      m += rest1 * (g - m);
      v += rest2 * (g * g - v);
      moments[first + c] = m;
      moments[first + width + c] = v;
      values[at + c] = (values[at + c] ?? 0) - (stepSize * m) / (Math.sqrt(v) + epsilon);
    }
  }
}
