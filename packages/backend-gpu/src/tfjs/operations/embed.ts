// embed: y_t = table[ids_t]. The table's gradient is never made: rows of the embedding are leaves, and the gradient of y,
// a row a token, is what a sparse optimizer takes.

import { rowPicks } from "../row-copies.js";
import type { TensorOperation } from "../tensor-operation.js";

export const embed: TensorOperation<"embed"> = {
  forward: (runtime, { table }, { ids }) => ({
    y: rowPicks(runtime, table, runtime.tf.tensor(Int32Array.from(ids), [ids.length], "int32")),
  }),
  backward: () => ({}),
};
