// The reference's tensor: a plain array of float64 with a shape. Activations are matrices [tokens, width]. Also the
// checks that every operation makes on what it is given. Not here: any computation.

import { EngramError } from "../errors.js";

/** A tensor of the reference backend, row-major. Caches have a shape of their own: cache.ts. */
export interface ReferenceTensor {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

/** A tensor of zeros. */
export function zeros(...shape: number[]): ReferenceTensor {
  return { shape, values: new Float64Array(elements(shape)) };
}

/** A tensor of these values, which become its own. */
export function tensor(values: Float64Array, ...shape: number[]): ReferenceTensor {
  return { shape, values };
}

/** Values of a shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** Rows of a matrix: its first side. */
export function rowsOf(x: ReferenceTensor): number {
  return x.shape[0] ?? 1;
}

/** Values of a matrix's row: the product of all sides but the first. */
export function widthOf(x: ReferenceTensor): number {
  return elements(x.shape.slice(1));
}

/**
 * Checks a tensor's shape.
 * @throws EngramError `invalid-argument` naming operation, tensor, shape found and shape expected.
 */
export function checkShape(operation: string, name: string, x: ReferenceTensor, expected: readonly number[]): void {
  if (x.shape.length === expected.length && expected.every((side, i) => x.shape[i] === side)) return;
  throw invalidShape(operation, name, x, `[${expected.join(", ")}]`);
}

/** The error about a tensor's shape. */
export function invalidShape(
  operation: string,
  name: string,
  { shape }: ReferenceTensor,
  expected: string,
): EngramError {
  return new EngramError({
    code: "invalid-argument",
    operation,
    message: `${name} has shape [${shape.join(", ")}], expected ${expected}`,
    context: { tensor: name, shape, expected },
  });
}

/** Adds `addend` to `into`, value by value. */
export function addInto(into: Float64Array, addend: Float64Array): void {
  for (let i = 0; i < into.length; i++) into[i] = (into[i] ?? 0) + (addend[i] ?? 0);
}
