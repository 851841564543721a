// Node's file errors as EngramErrors. The only place of this package that knows their codes.

import { EngramError, type ErrorCode, isEngramError, type RetryAdvice } from "@engram-ts/core";

interface Meaning {
  readonly code: ErrorCode;
  readonly retry?: RetryAdvice;
  readonly advice: string;
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOENT: { code: "not-found", advice: "it does not exist; check the path" },
  ENOTDIR: { code: "not-found", advice: "a part of the path is not a directory" },
  EISDIR: { code: "io", advice: "it is a directory, and a file was expected" },
  EACCES: { code: "permission-denied", advice: "permission denied; check its owner and mode" },
  EPERM: { code: "permission-denied", advice: "the operation is not permitted; check its owner and mode" },
  EROFS: { code: "permission-denied", advice: "the file system is mounted read-only" },
  ENOSPC: { code: "out-of-space", retry: "later", advice: "the disk is full; make room and go on" },
  EDQUOT: { code: "out-of-space", retry: "later", advice: "the disk quota is used up; make room and go on" },
  EFBIG: { code: "out-of-space", advice: "the file system or a limit (ulimit -f) allows no file of that size" },
  EMFILE: {
    code: "io",
    retry: "later",
    advice: "too many open files in this process; raise ulimit -n, or use fewer parts",
  },
  ENFILE: { code: "io", retry: "later", advice: "too many open files on this machine" },
  ENOMEM: { code: "out-of-memory", retry: "later", advice: "the system is out of memory" },
};

/** The EngramError for what a file operation failed with; EngramErrors pass unchanged. */
export function fileError(cause: unknown, operation: string, path: string): EngramError {
  if (isEngramError(cause)) return cause;
  const errno = String((cause as { code?: unknown } | null)?.code ?? "");
  const { code, retry, advice } = MEANINGS[errno] ?? {
    code: "io",
    retry: "later",
    advice: cause instanceof Error ? cause.message : String(cause),
  };
  return new EngramError({
    code,
    operation,
    message: `${path}: ${advice}${errno === "" ? "" : ` (${errno})`}`,
    ...(retry === undefined ? {} : { retry }),
    context: { path, errno },
    cause,
  });
}
