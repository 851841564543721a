// Errors of node:fs as errors of this SDK, each naming the file and what can be done.
// Used at the edges where data is read and written; no error of Node's leaves them as it is.
// Not here: what is wrong with a file's content, which its reader says.

import { EngramError } from "@engram-ts/core";

/** Maps what reading or writing a file threw. */
export function fileError(cause: unknown, path: string, operation: string): EngramError {
  const errno = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const options = { operation, context: { path }, cause };
  switch (errno) {
    case "ENOENT":
    case "ENOTDIR":
      return new EngramError({ ...options, code: "not-found", message: `there is no ${path}; check the path` });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new EngramError({ ...options, code: "permission-denied", message: `no permission for ${path}` });
    case "ENOSPC":
    case "EDQUOT":
      return new EngramError({
        ...options,
        code: "out-of-space",
        message: `no space left for ${path}; free some and run it again`,
        retry: "later",
      });
    default:
      return new EngramError({ ...options, code: "io", message: `${path}: ${String(cause)}`, retry: "later" });
  }
}
