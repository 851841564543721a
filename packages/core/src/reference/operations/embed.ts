// embed: y_t = table[ids_t]. The table's gradient is never made: rows of the embedding are leaves, and the gradient of y,
// a row a token, is what a sparse optimizer takes.

import { EngramError } from "../../errors.js";
import type { BackendOperation } from "../../model/backend-operations.js";
import { type ReferenceTensor, rowsOf, tensor, widthOf } from "../tensor.js";

export const embed: BackendOperation<ReferenceTensor, "embed"> = {
  forward({ table }, { ids }) {
    const d = widthOf(table);
    const y = new Float64Array(ids.length * d);
    ids.forEach((id, t) => {
      if (id >= rowsOf(table)) {
        throw new EngramError({
          code: "token-out-of-range",
          operation: "embed",
          message: `token ${t} has id ${id}; ids are below ${rowsOf(table)}`,
          context: { index: t, id },
        });
      }
      y.set(table.values.subarray(id * d, (id + 1) * d), t * d);
    });
    return { y: tensor(y, ids.length, d) };
  },
  backward: () => ({}),
};
