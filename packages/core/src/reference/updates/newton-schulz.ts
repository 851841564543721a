// The orthogonalisation in Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/): a polynomial of the
// singular values that takes them near 1, without a decomposition. In full precision; PyTorch's Muon rounds each product
// to bfloat16. The iteration runs on the wide side, so that A = X X^T is the smaller of the two products.

import type { MuonOptions } from "../../model/backend-updates.js";

/** A matrix near U V^T, of the singular value decomposition U S V^T of `matrix` [rows, columns], which stays. */
export function newtonSchulz(
  matrix: Float64Array,
  [rows, columns]: readonly [rows: number, columns: number],
  options: Pick<MuonOptions, "iterations" | "epsilon" | "coefficients">,
): Float64Array {
  const tall = rows > columns;
  const [m, n] = tall ? [columns, rows] : [rows, columns];
  let x = tall ? transposed(matrix, rows, columns) : matrix.slice(); // [m, n], m <= n
  let squares = 0;
  for (const value of x) squares += value * value;
  const norm = Math.max(Math.sqrt(squares), options.epsilon);
  for (let i = 0; i < x.length; i++) x[i] = (x[i] ?? 0) / norm;
  const [a, b, c] = options.coefficients;
  for (let iteration = 0; iteration < options.iterations; iteration++) {
    const gram = product(x, transposed(x, m, n), m, n, m); // A = X X^T, [m, m]
    const polynomial = product(gram, gram, m, m, m);
    for (let i = 0; i < gram.length; i++) polynomial[i] = b * (gram[i] ?? 0) + c * (polynomial[i] ?? 0);
    const change = product(polynomial, x, m, m, n);
    for (let i = 0; i < x.length; i++) change[i] = a * (x[i] ?? 0) + (change[i] ?? 0);
    x = change;
  }
  return tall ? transposed(x, m, n) : x;
}

/** left [m, k] times right [k, n]. */
function product(left: Float64Array, right: Float64Array, m: number, k: number, n: number): Float64Array {
  const out = new Float64Array(m * n);
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < k; j++) {
      const factor = left[i * k + j] ?? 0;
      for (let c = 0; c < n; c++) out[i * n + c] = (out[i * n + c] ?? 0) + factor * (right[j * n + c] ?? 0);
    }
  }
  return out;
}

function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(matrix.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[j * rows + i] = matrix[i * columns + j] ?? 0;
  }
  return out;
}
