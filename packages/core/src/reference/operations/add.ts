// add: y = a + b.

import type { BackendOperation } from "../../model/backend-operations.js";
import { addInto, checkShape, type ReferenceTensor, tensor } from "../tensor.js";

export const add: BackendOperation<ReferenceTensor, "add"> = {
  forward({ a, b }) {
    checkShape("add", "b", b, a.shape);
    const y = a.values.slice();
    addInto(y, b.values);
    return { y: tensor(y, ...a.shape) };
  },
  backward(_, { y: dy }) {
    if (dy === undefined) return {};
    return { a: tensor(dy.values.slice(), ...dy.shape), b: tensor(dy.values.slice(), ...dy.shape) };
  },
};
