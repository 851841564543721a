// Is the library that was loaded the one that the bindings were written for? Types, their sizes, the numbers of operations
// and the size of a tensor are compared before anything is computed: with another library a call would compute another
// thing, or end the process.

import { EngramError } from "@engram-ts/core";
import type { Bindings } from "./bindings.js";
import { GGML_VERSION, type LibraryFolder, PACKAGE_VERSION } from "./find-library.js";
import { OPERATION_NUMBERS, UNARY_NUMBERS } from "./operation-names.js";
import { TYPES } from "./types.js";

/** `sizeof(struct ggml_tensor)` and the header of an object in a context, in bytes. */
const TENSOR_BYTES = 368;

/**
 * Compares a library with what the bindings say.
 * @throws EngramError `unsupported` with the first few differences.
 */
export function checkAbi(bindings: Bindings, { folder, from }: LibraryFolder): void {
  const differences: string[] = [];
  const compare = (what: string, expected: unknown, found: unknown): void => {
    if (expected !== found) differences.push(`${what} is ${String(found)}, expected ${String(expected)}`);
  };
  compare("the size of a tensor", TENSOR_BYTES, bindings.ggml_tensor_overhead());
  for (const [name, { id, block, bytes }] of Object.entries(TYPES)) {
    compare(`type ${id}`, name, bindings.ggml_type_name(id));
    compare(`the size of ${name}`, bytes, bindings.ggml_type_size(id));
    compare(`the block of ${name}`, block, bindings.ggml_blck_size(id));
  }
  for (const [name, number] of Object.entries(OPERATION_NUMBERS)) {
    compare(`operation ${number}`, name, bindings.ggml_op_name(number));
  }
  for (const [name, number] of Object.entries(UNARY_NUMBERS)) {
    compare(`unary operation ${number}`, name, bindings.ggml_unary_op_name(number));
  }
  if (differences.length === 0) return;
  throw new EngramError({
    code: "unsupported",
    operation: "openGgml",
    message: `the ggml library in ${folder} (${from}) is version ${bindings.ggml_version()}; this engine was written for ${GGML_VERSION}, which is in the packages of version ${PACKAGE_VERSION}: ${differences.slice(0, 3).join("; ")}`,
    context: { differences },
  });
}
