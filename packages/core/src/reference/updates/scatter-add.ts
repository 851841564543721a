// Rows added to those of a matrix by number, in the order in which they come: the gradient of an embedding. Here a loop;
// engines sum the rows of one number first, which rounds otherwise.

import { EngramError } from "../../errors.js";

/**
 * `into[ids[t]] += rows[t]`, both of rows of `d` values.
 * @throws EngramError `token-out-of-range`; nothing is changed then.
 */
export function scatterAdd(into: Float64Array, ids: Uint32Array, rows: Float64Array, d: number): void {
  const count = d === 0 ? 0 : into.length / d;
  const bad = ids.findIndex((id) => id >= count);
  if (bad !== -1 && d > 0) {
    throw new EngramError({
      code: "token-out-of-range",
      operation: "scatterAdd",
      message: `token ${bad} has id ${ids[bad]}; ids are below ${count}`,
      context: { index: bad, id: ids[bad] },
    });
  }
  ids.forEach((id, t) => {
    for (let c = 0; c < d; c++) into[id * d + c] = (into[id * d + c] ?? 0) + (rows[t * d + c] ?? 0);
  });
}
