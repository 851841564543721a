// embed: y_t = table[ids_t], or several rows side by side. The table's gradient is never made: rows of the embedding are leaves, and the gradient of y,
// a row a token, is what a sparse optimizer takes.

import { EngramError } from "../../errors.js";
import type { BackendOperation } from "../../model/backend-operations.js";
import { type ReferenceTensor, rowsOf, tensor, widthOf } from "../tensor.js";

export const embed: BackendOperation<ReferenceTensor, "embed"> = {
  forward({ table }, { ids, idsPerToken = 1 }) {
    const d = widthOf(table);
    if (!(idsPerToken >= 1) || ids.length % idsPerToken !== 0) {
      throw new EngramError({
        code: "invalid-argument",
        operation: "embed",
        message: `there are ${ids.length} ids and idsPerToken is ${idsPerToken}; give each token as many`,
      });
    }
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
    return { y: tensor(y, ids.length / idsPerToken, idsPerToken * d) };
  },
  backward: () => ({}),
};
