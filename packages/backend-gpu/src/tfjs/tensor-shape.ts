// Sides of tensors. Not here: checks of what operations are given (../operation-checks.ts), limits of a device
// (device-limit.ts).

/** Anything that has a shape. */
export interface Shaped {
  readonly shape: readonly number[];
}

/** Values of a shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, side) => product * side, 1);
}

/** Rows of a matrix: its first side. */
export function rowsOf({ shape }: Shaped): number {
  return shape[0] ?? 1;
}

/** Values of a matrix's row: the product of all sides but the first. */
export function widthOf({ shape }: Shaped): number {
  return elements(shape.slice(1));
}
