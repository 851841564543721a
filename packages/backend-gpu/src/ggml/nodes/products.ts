// Nodes of products, sums and norms. mulMat(a, b) multiplies each row of a with each row of b: with weights [in, out] and
// tokens [in, N] it gives [out, N].

import { TYPES } from "../library/types.js";
import { checkF32 } from "./elementwise.js";
import { four, GgmlNode, misfit, sameSides } from "./node.js";

/** Products of rows; dimensions 2 and 3 of `a` are repeated over those of `b`. */
export function mulMat(a: GgmlNode, b: GgmlNode): GgmlNode {
  const fits =
    a.sides[0] === b.sides[0] &&
    b.sides[2] % a.sides[2] === 0 &&
    b.sides[3] % a.sides[3] === 0 &&
    a.strides[0] <= a.strides[1];
  if (!fits || !rowsPacked(a) || !rowsPacked(b) || b.type !== "f32") throw misfit("mul_mat", "sides", a, b);
  const sides = four([a.sides[1], b.sides[1], b.sides[2], b.sides[3]]);
  return new GgmlNode("f32", sides, { operation: "mulMat", sources: [a, b] });
}

/**
 * Each token times its experts: experts [in, out, E], b [in, 1 or used, N], ids [used, N] of i32 -> [out, used, N].
 */
export function mulMatId(experts: GgmlNode, b: GgmlNode, ids: GgmlNode): GgmlNode {
  const [used, tokens] = ids.sides;
  const fits =
    experts.sides[0] === b.sides[0] &&
    used % b.sides[1] === 0 &&
    b.sides[2] === tokens &&
    experts.sides[3] === 1 &&
    b.sides[3] === 1;
  if (!fits || ids.type !== "i32" || b.type !== "f32" || !rowsPacked(experts) || !rowsPacked(b)) {
    throw misfit("mul_mat_id", "sides", experts, b, ids);
  }
  return new GgmlNode("f32", [experts.sides[1], used, tokens, 1], {
    operation: "mulMatId",
    sources: [experts, b, ids],
  });
}

/**
 * Gradients of experts' weights, by the package's own kernel: for each expert the sum, over its tokens, of a [m] times b
 * [n]. a [m, 1 or used, N], b [n, 1 or used, N], ids i32 [used, N] -> [m, n, experts].
 */
export function expertGradients(a: GgmlNode, b: GgmlNode, ids: GgmlNode, experts: number): GgmlNode {
  const [used, tokens] = ids.sides;
  const fits = [a, b].every(
    ({ sides, strides, type }) =>
      type === "f32" &&
      strides[0] === 4 &&
      (sides[1] === 1 || sides[1] === used) &&
      sides[2] === tokens &&
      sides[3] === 1,
  );
  if (!fits || ids.type !== "i32") throw misfit("expert_gradients", "sides", a, b, ids);
  return new GgmlNode("f32", [a.sides[0], b.sides[0], experts, 1], {
    operation: "expertGradients",
    sources: [a, b, ids],
  });
}

/** The sum of all values, [1]. */
export function sum(a: GgmlNode): GgmlNode {
  checkF32("sum", a);
  if (!a.packed) throw misfit("sum", "values that are not packed", a);
  return new GgmlNode("f32", [1, 1, 1, 1], { operation: "sum", sources: [a] });
}

/** Sums along the first dimension: [n, N] -> [1, N]. */
export function sumRows(a: GgmlNode): GgmlNode {
  checkF32("sum_rows", a);
  if (a.strides[0] !== 4) throw misfit("sum_rows", "rows with gaps", a);
  return new GgmlNode("f32", [1, a.sides[1], a.sides[2], a.sides[3]], { operation: "sumRows", sources: [a] });
}

/** The place of the greatest value of each row of a matrix, i32 [rows]. */
export function argmax(a: GgmlNode): GgmlNode {
  checkF32("argmax", a);
  if (a.sides[2] !== 1 || a.sides[3] !== 1 || !a.packed) throw misfit("argmax", "a matrix expected", a);
  return new GgmlNode("i32", [a.sides[1], 1, 1, 1], { operation: "argmax", sources: [a] });
}

/** The places of each row's values, greatest first; i32. */
export function argsort(a: GgmlNode): GgmlNode {
  checkF32("argsort", a);
  if (!a.packed) throw misfit("argsort", "values that are not packed", a);
  return new GgmlNode("i32", a.sides, { operation: "argsort", sources: [a] });
}

/** Each row divided by its root mean square. */
export function rmsNorm(a: GgmlNode, epsilon: number): GgmlNode {
  checkF32("rms_norm", a);
  if (a.strides[0] !== 4) throw misfit("rms_norm", "rows with gaps", a);
  return new GgmlNode("f32", a.sides, { operation: "rmsNorm", sources: [a], parameters: [epsilon] });
}

/** The gradient of {@link rmsNorm}'s input. */
export function rmsNormBack(gradient: GgmlNode, x: GgmlNode, epsilon: number): GgmlNode {
  checkF32("rms_norm_back", gradient);
  checkF32("rms_norm_back", x);
  if (!sameSides(gradient, x) || !gradient.packed || !x.packed) throw misfit("rms_norm_back", "sides", gradient, x);
  return new GgmlNode("f32", x.sides, { operation: "rmsNormBack", sources: [gradient, x], parameters: [epsilon] });
}

/** Rows of a matrix by their numbers: a [n, rows, z], ids i32 [k, z] -> f32 [n, k, z]. */
export function getRows(a: GgmlNode, ids: GgmlNode): GgmlNode {
  if (ids.type !== "i32" || a.sides[2] !== ids.sides[1] || a.sides[3] !== ids.sides[2] || ids.sides[3] !== 1) {
    throw misfit("get_rows", "sides", a, ids);
  }
  const type = a.type === "i32" ? "i32" : "f32";
  return new GgmlNode(type, [a.sides[0], ids.sides[0], ids.sides[1], ids.sides[2]], {
    operation: "getRows",
    sources: [a, ids],
  });
}

/** Writes rows into a matrix: into [n, rows], values f32 [n, k], ids i64 [k]; a view of `into`. */
export function setRows(into: GgmlNode, values: GgmlNode, ids: GgmlNode): GgmlNode {
  const fits =
    into.sides[0] === values.sides[0] && values.sides[1] === ids.sides[0] && into.sides[2] === values.sides[2];
  if (!fits || ids.type !== "i64" || values.type !== "f32" || !rowsPacked(into) || !rowsPacked(values)) {
    throw misfit("set_rows", "sides", into, values, ids);
  }
  return new GgmlNode(into.type, into.sides, {
    operation: "setRows",
    sources: [into, values, ids],
    strides: into.strides,
    view: true,
    writes: [0],
  });
}

function rowsPacked(a: GgmlNode): boolean {
  return a.strides[0] === TYPES[a.type].bytes;
}
