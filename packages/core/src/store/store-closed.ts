// What every store answers once it is closed.

import { EngramError } from "../errors.js";

/** The error for an operation on a closed store. */
export function storeClosed(operation: string): EngramError {
  return new EngramError({ code: "store-closed", operation, message: "the store is closed; open it again" });
}
