// The norm of all gradients together, and the factor that brings it down to a limit: clipping by the global norm (Pascanu
// et al. 2013). Not here: scaling, which the updates do with the factor.

/** The L2 norm of all values. */
export function gradientNorm(gradients: readonly Float64Array[]): number {
  let squares = 0;
  for (const gradient of gradients) {
    for (const value of gradient) squares += value * value;
  }
  return Math.sqrt(squares);
}

/** min(1, most / norm), 1 for a norm of 0; NaN for a norm that is none. */
export function clipFactor(norm: number, most: number): number {
  return norm === 0 ? 1 : Math.min(1, most / norm);
}
