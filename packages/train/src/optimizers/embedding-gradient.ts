// The gradient of the token embedding as one dense array. It comes back from the backend a row a token; the rows are added
// up here, and the array goes up again, because no operation of a backend scatters. The array is kept and only the rows
// that were touched are cleared: a step costs its tokens here and one upload of the table's size.

import type { Backend } from "@engram-ts/core";

/** Sums of embedded tokens' gradients. */
export interface EmbeddingGradient<T> {
  /** Adds rows `[ids, d]`. */
  add(ids: Uint32Array, rows: Float32Array): void;
  /** Uploads the sums, `[V, d]`, the caller's to dispose of, and begins anew. */
  take(): T;
}

/** Sums for a table `[V, d]`, of 0. */
export function embeddingGradient<T>(
  backend: Backend<T>,
  [vocabulary, d]: readonly [number, number],
): EmbeddingGradient<T> {
  const sums = new Float32Array(vocabulary * d);
  const touched: Uint32Array[] = [];
  return {
    add(ids, rows) {
      touched.push(ids);
      for (let t = 0; t < ids.length; t++) {
        const to = (ids[t] ?? 0) * d; // below V: the forward has looked it up
        const from = t * d;
        for (let c = 0; c < d; c++) sums[to + c] = (sums[to + c] ?? 0) + (rows[from + c] ?? 0);
      }
    },
    take() {
      const tensor = backend.upload(sums, [vocabulary, d]);
      for (const ids of touched) for (const id of ids) sums.fill(0, id * d, (id + 1) * d);
      touched.length = 0;
      return tensor;
    },
  };
}
