// What a training step does after its gradients are there: changes of parameters, in place, on the engine. Types only; the
// formulae are in reference/updates. A parameter keeps its handle. Not here: rows of tables, which are leaves whose
// optimizer works on a row store.

/** Options of one step of AdamW (Loshchilov and Hutter, arXiv 1711.05101), as PyTorch's `AdamW`. */
export interface AdamWOptions {
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled: the parameter is multiplied by `1 - learningRate * weightDecay`. */
  readonly weightDecay: number;
  /** The number of this step, from 1: what corrects the moments' bias. */
  readonly step: number;
}

/** Options of one step of Muon (Jordan et al. 2024), as PyTorch's `Muon`. */
export interface MuonOptions {
  readonly learningRate: number;
  readonly momentum: number;
  readonly nesterov: boolean;
  readonly weightDecay: number;
  /** Newton-Schulz iterations, 5 as a rule. */
  readonly iterations: number;
  /** Least norm that a gradient is divided by. */
  readonly epsilon: number;
  /** Of a Newton-Schulz iteration: `a X + (b A + c A A) X` with `A = X X^T`. */
  readonly coefficients: readonly [a: number, b: number, c: number];
  /** Factor on the learning rate: `max(1, rows / columns)^0.5`, or `0.2 max(rows, columns)^0.5`. */
  readonly adjust: "original" | "match-rms-adamw";
}

/** A parameter that Muon changes: a matrix `[rows, columns]`, or a matrix of each of `[experts, rows, columns]`. */
export interface MuonParameter<T> {
  readonly parameter: T;
  readonly gradient: T;
  /** Of the parameter's shape, zeros before the first step. */
  readonly momentum: T;
}

/** Changes of tensors in place. Like operations they take effect in the order of the calls, and read nothing back. */
export interface BackendUpdates<T> {
  /** Gives a tensor new values of the same shape; they are copied before the call returns. */
  write(tensor: T, values: Float32Array | Float64Array): void;
  /** `into += addend`, equal shapes: gradients of several parts of a batch. */
  accumulate(into: T, addend: T): void;
  /** A fresh tensor of zeros in the shape of another, for sums that begin with nothing. */
  zeros(like: T): T;
  /**
   * `into[ids[t]] += rows[t]`: the gradient of a table from those of its embedded tokens. `into` is V x d; `rows` has as many
   * rows of d values as there are ids, several of them side by side where `embed` gave them so.
   * Ids may repeat, and are copied before the call returns; equal calls give equal sums, bit for bit.
   * @throws EngramError `token-out-of-range` for an id of V or more.
   */
  scatterAdd(into: T, ids: Uint32Array, rows: T): void;
  /**
   * The L2 norm of all values together, `norm` [1], and `factor` [1] = min(1, most / norm): what clips gradients by their
   * global norm. Both are fresh tensors.
   * @param scale by how much the gradients are too large, as those of a loss that was scaled: norm = L2 / scale, factor =
   * min(1, most / norm) / scale. Default 1.
   */
  clip(gradients: readonly T[], most: number, scale?: number): { readonly norm: T; readonly factor: T };
  /** One step of AdamW. `moments` are of the parameter's shape, zeros before the first step; `factor` [1] scales the gradient. */
  adamW(
    parameter: T,
    gradient: T,
    moments: { readonly first: T; readonly second: T },
    options: AdamWOptions,
    factor?: T,
  ): void;
  /** One step of Muon for several parameters at once: engines put matrices of equal sides together. */
  muon(parameters: readonly MuonParameter<T>[], options: MuonOptions, factor?: T): void;
}
