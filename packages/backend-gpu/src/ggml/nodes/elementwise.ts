// Nodes that compute value by value. In those of two sources the second is repeated over the first where it has fewer.

import { type Four, GgmlNode, misfit, sameSides } from "./node.js";

/** a + b. */
export const add = binary("add");
/** a - b. */
export const subtract = binary("sub");
/** a * b. */
export const multiply = binary("mul");
/** a / b. */
export const divide = binary("div");

/** a squared. */
export const square = unary("sqr");
/** The square root. */
export const squareRoot = unary("sqrt");
/** The natural logarithm. */
export const logarithm = unary("log");
/** e to the power of a. */
export const exponential = unary("exp");
/** The absolute value. */
export const absolute = unary("abs");
/** -1, 0 or 1. */
export const sign = unary("sgn");
/** 1 where a > 0, else 0. */
export const step = unary("step");
/** 1 / (1 + e^-a). */
export const sigmoid = unary("sigmoid");
/** a sigmoid(a). */
export const silu = unary("silu");

/** The gradient of silu's input: gradient * silu'(x). */
export function siluBack(gradient: GgmlNode, x: GgmlNode): GgmlNode {
  checkPair("silu_back", gradient, x);
  return new GgmlNode("f32", x.sides, { operation: "siluBack", sources: [gradient, x] });
}

/** silu(gate) * up. */
export function swiglu(gate: GgmlNode, up: GgmlNode): GgmlNode {
  checkPair("swiglu", gate, up);
  return new GgmlNode("f32", gate.sides, { operation: "swiglu", sources: [gate, up] });
}

/** a * factor + bias, with constants that stay the same from run to run. */
export function scale(a: GgmlNode, factor: number, bias = 0): GgmlNode {
  checkF32("scale", a);
  if (!a.packed) throw misfit("scale", "values that are not packed", a);
  return new GgmlNode("f32", a.sides, { operation: "scale", sources: [a], parameters: [factor, bias] });
}

/** A constant in the sides of a, whose values are not read. */
export function fill(a: GgmlNode, value: number): GgmlNode {
  checkF32("fill", a);
  if (!a.packed) throw misfit("fill", "values that are not packed", a);
  return new GgmlNode("f32", a.sides, { operation: "fill", sources: [a], parameters: [value] });
}

/** a, but not below `least`, nor above `most`. */
export function clamp(a: GgmlNode, least: number, most: number): GgmlNode {
  checkF32("clamp", a);
  return new GgmlNode("f32", a.sides, { operation: "clamp", sources: [a], parameters: [least, most] });
}

/** a repeated to these sides, multiples of its own. */
export function repeat(a: GgmlNode, sides: Four): GgmlNode {
  checkF32("repeat", a);
  if (!repeatsTo(a.sides, sides)) throw misfit("repeat", `sides [${sides.join(", ")}]`, a);
  return new GgmlNode("f32", sides, { operation: "repeat", sources: [a], parameters: sides });
}

/** The sum of a over what a repetition to its sides would have repeated: the gradient of {@link repeat}. */
export function repeatBack(a: GgmlNode, sides: Four): GgmlNode {
  checkF32("repeat_back", a);
  if (!repeatsTo(sides, a.sides)) {
    throw misfit("repeat_back", `sides [${sides.join(", ")}]`, a);
  }
  if (sides.every((side, i) => side === a.sides[i])) return a;
  return new GgmlNode("f32", sides, { operation: "repeatBack", sources: [a], parameters: sides });
}

/** a, then b, along a dimension. */
export function concat(a: GgmlNode, b: GgmlNode, dimension: 0 | 1 | 2 | 3): GgmlNode {
  if (a.type !== b.type || a.sides.some((side, i) => i !== dimension && side !== b.sides[i])) {
    throw misfit("concat", `along dimension ${dimension}`, a, b);
  }
  const [x, y, z, w] = a.sides.map((side, i) => (i === dimension ? side + (b.sides[i] ?? 0) : side));
  return new GgmlNode(a.type, [x ?? 1, y ?? 1, z ?? 1, w ?? 1], {
    operation: "concat",
    sources: [a, b],
    parameters: [dimension],
  });
}

function binary(operation: "add" | "sub" | "mul" | "div"): (a: GgmlNode, b: GgmlNode) => GgmlNode {
  return (a, b) => {
    checkF32(operation, a);
    checkF32(operation, b);
    if (!repeatsTo(b.sides, a.sides)) throw misfit(operation, "sides that do not repeat", a, b);
    if (b.strides[0] !== 4 && b.sides[0] > 1) throw misfit(operation, "a second source with gaps in its rows", a, b);
    return new GgmlNode("f32", a.sides, { operation, sources: [a, b] });
  };
}

/** Are `to` multiples of `from`, side by side? Nothing repeats to nothing. */
function repeatsTo(from: Four, to: Four): boolean {
  return to.every((side, i) => side % (from[i] ?? 1) === 0 || side === 0);
}

function unary(operation: string): (a: GgmlNode) => GgmlNode {
  return (a) => {
    checkF32(operation, a);
    if (!a.packed) throw misfit(operation, "values that are not packed", a);
    return new GgmlNode("f32", a.sides, { operation, sources: [a] });
  };
}

function checkPair(operation: string, a: GgmlNode, b: GgmlNode): void {
  checkF32(operation, a);
  checkF32(operation, b);
  if (!sameSides(a, b) || !a.packed || !b.packed)
    throw misfit(operation, "two sources of different sides, or not packed", a, b);
}

/** Most operations compute in float32 alone. */
export function checkF32(operation: string, a: GgmlNode): void {
  if (a.type !== "f32") throw misfit(operation, "float32 expected", a);
}
