// Shapes of one call's inputs, as its check asks for them: an input is there, has the sides expected, is a matrix whose
// rows divide into parts. All errors name operation, input, the shape found and the one expected.

import { EngramError } from "@engram-ts/core";

/** Sides by the names of inputs or outputs. */
export type Shapes = Readonly<Record<string, readonly number[] | undefined>>;

/** What is asked of the inputs of one call. */
export interface CheckedInputs {
  readonly operation: string;
  /** Was an optional input given? */
  has(name: string): boolean;
  /** An input's sides, which must be there and be whole; `expected` is what an error says of them. */
  sides(name: string, rank: number, expected: string): readonly number[];
  /** An input's sides, whatever they are. */
  any(name: string): readonly number[];
  /** A vector's side, from 1 on. */
  vector(name: string, expected: string): number;
  /** A matrix of weights: sides from 1 on. */
  weight(name: string, expected: string): { readonly rows: number; readonly width: number };
  /** A matrix's sides; any number of rows, and rows that are not empty. */
  matrix(name: string, expected: string): { readonly rows: number; readonly width: number };
  /** A matrix of rows of `parts` equal parts: the width of one. */
  parted(name: string, parts: number, part: string): { readonly rows: number; readonly width: number };
  /** An input has exactly these sides. */
  expect(name: string, expected: readonly number[]): void;
  /** The same of an input that may be left out. */
  allow(name: string, expected: readonly number[]): void;
}

/** The inputs of a call of `operation`. */
export function checkedInputs(operation: string, shapes: Shapes): CheckedInputs {
  const given = (name: string, expected: string): readonly number[] => {
    const shape = shapes[name];
    if (shape === undefined) throw refused(operation, `${name} is missing, expected ${expected}`);
    if (shape.every((side) => Number.isSafeInteger(side) && side >= 0)) return shape;
    throw invalidShape(operation, name, shape, expected);
  };
  const sides = (name: string, rank: number, expected: string): readonly number[] => {
    const shape = given(name, expected);
    if (shape.length !== rank || shape.slice(1).includes(0)) throw invalidShape(operation, name, shape, expected);
    return shape;
  };
  const matrix = (name: string, expected: string) => {
    const [rows = 0, width = 0] = sides(name, 2, expected);
    return { rows, width };
  };
  const expect = (name: string, expected: readonly number[]): void => {
    const said = `[${expected.join(", ")}]`;
    const shape = given(name, said);
    if (shape.length === expected.length && expected.every((side, i) => shape[i] === side)) return;
    throw invalidShape(operation, name, shape, said);
  };
  return {
    operation,
    has: (name) => shapes[name] !== undefined,
    sides,
    any: (name) => given(name, "a tensor"),
    vector(name, expected) {
      const [side = 0] = sides(name, 1, expected);
      if (side === 0) throw invalidShape(operation, name, [side], expected);
      return side;
    },
    weight(name, expected) {
      const { rows, width } = matrix(name, expected);
      if (rows === 0) throw invalidShape(operation, name, [rows, width], expected);
      return { rows, width };
    },
    matrix,
    parted(name, parts, part) {
      const expected = `[N, ${parts} * ${part}]`;
      const { rows, width } = matrix(name, expected);
      if (width % parts !== 0) throw invalidShape(operation, name, [rows, width], expected);
      return { rows, width: width / parts };
    },
    expect,
    allow(name, expected) {
      if (shapes[name] !== undefined) expect(name, expected);
    },
  };
}

/** The error about a tensor's shape. */
export function invalidShape(operation: string, name: string, shape: readonly number[], expected: string): EngramError {
  return new EngramError({
    code: "invalid-argument",
    operation,
    message: `${name} has shape [${shape.join(", ")}], expected ${expected}`,
    context: { tensor: name, shape, expected },
  });
}

/** The error about anything else. */
export function refused(operation: string, message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message });
}
