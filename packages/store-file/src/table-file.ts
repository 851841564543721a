// One open file of a table: opened once, its size compared with the manifest's, and looked at again while it is read.
// Files are taken as immutable: one that was cut, grew or was written to after it was opened is refused, since some rows
// would be of one version and some of another. One that was replaced by another file of its name is not seen, and need
// not be: what is open is the old file, whole.

import { closeSync, fstatSync, openSync } from "node:fs";
import { EngramError, type LocatedObject } from "@engram-ts/core";
import { fileError } from "./file-error.js";

/** An open file. */
export interface TableFile {
  readonly path: string;
  readonly descriptor: number;
  readonly bytes: number;
  /** @throws EngramError `truncated`, `io`, where the file is no longer what was opened. */
  check(): void;
  /** The error for a read that ended before its last byte. */
  shortRead(position: number, expected: number, found: number): EngramError;
  close(): void;
}

/**
 * Opens a file for reading.
 * @throws EngramError `truncated` or `manifest-mismatch` where it is not of the size that the manifest gives it;
 * `not-found`, `permission-denied`, `io`.
 */
export function openTableFile(path: string, object: LocatedObject): TableFile {
  const operation = "fileStore";
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (cause) {
    throw fileError(cause, operation, path);
  }
  const refuse = (error: EngramError): never => {
    closeSync(descriptor);
    throw error;
  };
  const opened = fstatSync(descriptor);
  if (!opened.isFile()) {
    refuse(new EngramError({ code: "io", operation, message: `${path} is no regular file; tables lie in files` }));
  }
  if (opened.size !== object.bytes) refuse(wrongSize(path, object.bytes, opened.size, operation));
  return {
    path,
    descriptor,
    bytes: opened.size,
    check() {
      const now = fstatSync(descriptor);
      if (now.size !== opened.size) throw wrongSize(path, opened.size, now.size, "store.prefetch");
      if (now.mtimeMs === opened.mtimeMs) return;
      throw new EngramError({
        code: "io",
        operation: "store.prefetch",
        message: `${path} was written to after it was opened, so its rows may be of two versions; open the table again, and replace files by renaming new ones over them`,
        context: { path },
      });
    },
    shortRead: (position, expected, found) =>
      new EngramError({
        code: "truncated",
        operation: "store.prefetch",
        message: `${path} gave ${found} of ${expected} bytes at byte ${position}; was it cut short while it was read?`,
        context: { path, position, expected, found },
      }),
    close: () => closeSync(descriptor),
  };
}

function wrongSize(path: string, expected: number, found: number, operation: string): EngramError {
  const cut = found < expected;
  return new EngramError({
    code: cut ? "truncated" : "manifest-mismatch",
    operation,
    message: `${path} has ${found} bytes, and the manifest says ${expected}; ${cut ? "copy it again" : "is it the file of another table, or still being written?"}`,
    context: { path, expected, found },
  });
}
