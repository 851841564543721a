// Nodes that show values otherwise, or copy them: views, permutations, packing, changes of type. Views cost nothing.

import { TYPES, type TypeName } from "../library/types.js";
import { type Four, four, GgmlNode, misfit, packedStrides } from "./node.js";

/** The same packed values with other sides. */
export function reshape(a: GgmlNode, ...sides: readonly number[]): GgmlNode {
  const full = four(sides);
  if (!a.packed) throw misfit("reshape", "values that are not packed", a);
  if (full.reduce((product, side) => product * side, 1) !== a.values)
    throw misfit("reshape", `sides [${full.join(", ")}]`, a);
  if (full.every((side, i) => side === a.sides[i])) return a;
  return new GgmlNode(a.type, full, { operation: "reshape", sources: [a], parameters: full, view: true });
}

/** A part of the values: sides, bytes between neighbours of the last three dimensions, and the first byte. */
export function view(a: GgmlNode, sides: Four, strides: readonly [number, number, number], offset = 0): GgmlNode {
  const all: Four = [TYPES[a.type].bytes, ...strides];
  const { block, bytes } = TYPES[a.type];
  const last = sides.reduce(
    (sum, side, i) => sum + (i === 0 ? (side / block) * bytes : (side - 1) * (all[i] ?? 0)),
    offset,
  );
  const limit = a.sides.reduce(
    (sum, side, i) => sum + (i === 0 ? (side / block) * bytes : (side - 1) * (a.strides[i] ?? 0)),
    0,
  );
  if (sides[0] % block !== 0 || offset < 0) throw misfit("view", `sides [${sides.join(", ")}] from byte ${offset}`, a);
  if (sides.every((side) => side > 0) && last > limit) {
    throw misfit("view", `sides [${sides.join(", ")}] from byte ${offset}, past the end`, a);
  }
  return new GgmlNode(a.type, sides, {
    operation: "view",
    sources: [a],
    parameters: [...sides, ...strides, offset],
    strides: all,
    view: true,
  });
}

/** `count` neighbours along a dimension, from `first`. */
export function slice(a: GgmlNode, dimension: 0 | 1 | 2 | 3, first: number, count: number): GgmlNode {
  if (first === 0 && count === a.sides[dimension]) return a;
  const sides = a.sides.with(dimension, count) as unknown as Four; // four again
  const { block, bytes } = TYPES[a.type];
  const offset = dimension === 0 ? (first / block) * bytes : first * a.strides[dimension];
  return view(a, sides, [a.strides[1], a.strides[2], a.strides[3]], offset);
}

/** Dimensions in another order: dimension i of `a` becomes dimension `order[i]`. */
export function permute(a: GgmlNode, ...order: Four): GgmlNode {
  const sides = [1, 1, 1, 1];
  const strides = [0, 0, 0, 0];
  order.forEach((to, from) => {
    sides[to] = a.sides[from] ?? 1;
    strides[to] = a.strides[from] ?? 0;
  });
  if (new Set(order).size !== 4) throw misfit("permute", `order ${order.join(" ")}`, a);
  return new GgmlNode(a.type, four(sides), {
    operation: "permute",
    sources: [a],
    parameters: order,
    strides: four(strides),
    view: true,
  });
}

/** The first two dimensions changed with each other; a view. */
export function transpose(a: GgmlNode): GgmlNode {
  return permute(a, 1, 0, 2, 3);
}

/** The values, packed. */
export function pack(a: GgmlNode): GgmlNode {
  if (a.packed) return a;
  return new GgmlNode(a.type, a.sides, { operation: "cont", sources: [a] });
}

/** The first two dimensions changed with each other, packed. */
export function packedTranspose(a: GgmlNode): GgmlNode {
  if (a.sides[0] === 1 || a.sides[1] === 1) return reshape(pack(a), a.sides[1], a.sides[0], a.sides[2], a.sides[3]);
  return pack(transpose(a));
}

/** The values in another type. */
export function cast(a: GgmlNode, type: TypeName): GgmlNode {
  if (a.type === type) return a;
  return new GgmlNode(type, a.sides, { operation: "cast", sources: [a], parameters: [TYPES[type].id] });
}

/** Copies values into memory that is there already; a view of it. */
export function copyInto(from: GgmlNode, to: GgmlNode): GgmlNode {
  if (from.values !== to.values) throw misfit("cpy", "different numbers of values", from, to);
  return new GgmlNode(to.type, to.sides, {
    operation: "copyInto",
    sources: [to, from],
    strides: to.strides,
    view: true,
    writes: [0],
  });
}

/** A leaf whose values the host gives; they must not change any more. */
export function hostLeaf(type: TypeName, sides: readonly number[], host: NonNullable<GgmlNode["host"]>): GgmlNode {
  return new GgmlNode(type, four(sides), { operation: "leaf", host, strides: packedStrides(type, four(sides)) });
}
