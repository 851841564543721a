// embed: y_t = table[ids_t], or several rows side by side. The table's gradient is never made: rows of the embedding are leaves, and the gradient of y,
// a row a token, is what a sparse optimizer takes.

import { rowPicks } from "../row-copies.js";
import type { TensorOperation } from "../tensor-operation.js";
import { widthOf } from "../tensor-shape.js";

export const embed: TensorOperation<"embed"> = {
  forward(runtime, { table }, { ids, idsPerToken = 1 }) {
    const { tf } = runtime;
    const rows = rowPicks(runtime, table, tf.tensor(Int32Array.from(ids), [ids.length], "int32"));
    return { y: tf.reshape(rows, [ids.length / idsPerToken, idsPerToken * widthOf(table)]) };
  },
  backward: () => ({}),
};
