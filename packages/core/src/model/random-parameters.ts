// Fresh parameters for a model, equal on every machine for equal specification and seed: matrices uniform within
// sqrt(3 / inputs), which is variance 1 / inputs; norms as the specification has them. Only additions, products and
// square roots are used, which every engine rounds alike. Not here: rows of tables.

import { EngramError } from "../errors.js";
import type { Backend } from "./backend.js";
import type { BlockKindOptions } from "./block-kinds.js";
import type { ModelSpec } from "./model-spec.js";
import { modelParameters } from "./parameters.js";
import { uploadUse } from "./parameters-use.js";
import { uniformValues } from "./uniform-values.js";

/** See {@link randomParameters}. */
export interface RandomParametersOptions extends BlockKindOptions {
  /** 0 to 2^32 - 1. */
  readonly seed: number;
}

/**
 * Fresh parameters on a backend, by name; the caller disposes of them.
 * @throws EngramError `invalid-argument` for the seed.
 */
export function randomParameters<T>(
  backend: Backend<T>,
  spec: ModelSpec,
  options: RandomParametersOptions,
): Map<string, T> {
  const { seed } = options;
  if (seed >>> 0 !== seed) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "randomParameters",
      message: `seed is ${String(seed)}; use a whole number from 0 to 2^32 - 1`,
    });
  }
  const parameters = new Map<string, T>();
  modelParameters(spec, options).forEach((parameter, index) => {
    const { name, shape, component, initial } = parameter;
    if (component === "engram tables") return;
    const size = shape.reduce((product, side) => product * side, 1);
    const values =
      initial === "normal"
        ? uniformValues(size, Math.sqrt(3 / (shape.at(-1) ?? 1)), seed, index)
        : new Float32Array(size).fill(initial === "ones" ? 1 : 0);
    parameters.set(name, backend.upload(values, shape, uploadUse(parameter)));
  });
  return parameters;
}
