// Newton-Schulz iterations of Muon, over many matrices at once: those of equal sides are one batch, since an operation costs
// a device about as much for one matrix as for twelve. Formulae: core's reference/updates. Letters: m rows, n columns,
// m <= n, B matrices.

import type { MuonOptions } from "@engram-ts/core";
import { add, clamp, concat, divide, scale, square, squareRoot } from "../nodes/elementwise.js";
import type { GgmlNode } from "../nodes/node.js";
import { mulMat, sumRows } from "../nodes/products.js";
import { packedTranspose, reshape, slice } from "../nodes/shape.js";

/** Values of a batch: beyond, matrices keep a device busy one by one, and putting them together costs more than it saves. */
const MOST_VALUES = 2 ** 22;

/** What each of some matrices [columns, rows, experts] becomes, packed. */
export function orthogonalEach(matrices: readonly GgmlNode[], options: MuonOptions): readonly GgmlNode[] {
  const found = new Map<GgmlNode, GgmlNode>();
  for (const batch of batches(matrices)) {
    const [first] = batch;
    if (first === undefined) continue;
    if (batch.length === 1) {
      found.set(first, orthogonal(first, options));
      continue;
    }
    const all = orthogonal(concatAll(batch), options);
    let at = 0;
    for (const matrix of batch) {
      found.set(matrix, slice(all, 2, at, matrix.sides[2]));
      at += matrix.sides[2];
    }
  }
  return matrices.map((matrix) => found.get(matrix) ?? matrix);
}

/** Matrices of equal sides, as many as a batch takes. */
function batches(matrices: readonly GgmlNode[]): readonly (readonly GgmlNode[])[] {
  const open = new Map<string, { readonly batch: GgmlNode[]; values: number }>();
  const all: GgmlNode[][] = [];
  for (const matrix of matrices) {
    const [columns, rows] = matrix.sides;
    const key = `${columns} ${rows}`;
    let group = open.get(key);
    if (group === undefined || group.values + matrix.values > MOST_VALUES) {
      group = { batch: [], values: 0 };
      open.set(key, group);
      all.push(group.batch);
    }
    group.batch.push(matrix);
    group.values += matrix.values;
  }
  return all;
}

/** Side by side in the third dimension; by halves, so that little is copied often. */
function concatAll(nodes: readonly GgmlNode[]): GgmlNode {
  const [first] = nodes;
  if (first === undefined) throw new TypeError("a batch has a matrix"); // batches makes no others
  if (nodes.length === 1) return first;
  const half = Math.ceil(nodes.length / 2);
  return concat(concatAll(nodes.slice(0, half)), concatAll(nodes.slice(half)), 2);
}

/** Over matrices [columns, rows, B], on the wide side. */
function orthogonal(matrix: GgmlNode, { iterations, epsilon, coefficients: [a, b, c] }: MuonOptions): GgmlNode {
  const [columns, rows, count] = matrix.sides;
  const tall = rows > columns;
  let x = tall ? packedTranspose(matrix) : matrix; // [n, m]
  const [n, m] = x.sides;
  const squares = reshape(square(x), n * m, count);
  const norm = clamp(reshape(squareRoot(sumRows(squares)), 1, 1, count), epsilon, MOST);
  x = divide(x, norm);
  for (let i = 0; i < iterations; i++) {
    const gram = mulMat(x, x); // [m, m]: A = X X^T
    const polynomial = add(scale(gram, b), scale(mulMat(gram, gram), c)); // A is symmetric
    x = add(scale(x, a), mulMat(packedTranspose(x), polynomial));
  }
  return tall ? packedTranspose(x) : x;
}

const MOST = 3.4e38;
