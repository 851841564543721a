// How far an engine's values may lie from the reference's, by what it computes in: the one table that the whole suite
// reads. Errors are the greatest absolute difference over the greatest absolute value expected of the tensor.

/** What is compared. */
export interface Tolerance {
  /** Outputs of one operation. */
  readonly forward: number;
  /** Gradients of one operation. */
  readonly backward: number;
  /** Logits of whole models. */
  readonly model: number;
  /** Gradients of whole models. */
  readonly gradients: number;
  /** Losses of some training steps. */
  readonly losses: number;
  /** Parameters and moments after updates by AdamW, norms, sums. */
  readonly updates: number;
  /** Parameters after Muon, whose iterations multiply what is small in a gradient by hundreds. */
  readonly muon: number;
}

/** By what an engine computes in. */
export const TOLERANCES = {
  /** The reference against itself. */
  exact: { forward: 0, backward: 0, model: 0, gradients: 0, losses: 0, updates: 0, muon: 0 },
  /** Products and sums in float32. */
  f32: {
    forward: 1e-5,
    backward: 3e-5,
    model: 5e-5,
    gradients: 3e-4,
    losses: 1e-4,
    updates: 1e-5,
    muon: 2e-3,
  },
  /** Products of float32 in f16 units, sums in float32; or weights kept in f16. */
  f16: { forward: 4e-3, backward: 8e-3, model: 2e-2, gradients: 5e-2, losses: 2e-2, updates: 1e-5, muon: 5e-2 },
  /** Weights, or products, in bf16. */
  bf16: { forward: 3e-2, backward: 6e-2, model: 1e-1, gradients: 2e-1, losses: 5e-2, updates: 1e-5, muon: 1e-1 },
  /** Weights in blocks of 8-bit integers. */
  q8_0: { forward: 3e-2, backward: 6e-2, model: 1e-1, gradients: 2e-1, losses: 5e-2, updates: 1e-5, muon: 1e-1 },
  /** Weights in blocks of 5-bit, and of 4-bit integers: for inference that bears it. */
  q5_0: { forward: 1.5e-1, backward: 3e-1, model: 5e-1, gradients: 1, losses: 1e-1, updates: 1e-5, muon: 1e-1 },
  q4_0: { forward: 3e-1, backward: 6e-1, model: 1, gradients: 1, losses: 2e-1, updates: 1e-5, muon: 1e-1 },
} as const satisfies Record<string, Tolerance>;

/** A row of the table. */
export type ToleranceName = keyof typeof TOLERANCES;
