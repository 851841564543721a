// The edge where errors of LMDB and of the file system become EngramErrors.

import { EngramError, type ErrorCode, isEngramError, type RetryAdvice } from "@engram-ts/core";

interface Fault {
  readonly code: ErrorCode;
  readonly advice: string;
  readonly retry?: RetryAdvice;
}

const SPACE: Fault = {
  code: "out-of-space",
  advice: "free some space, then go on: what was committed is kept",
  retry: "later",
};
const PERMISSION: Fault = {
  code: "permission-denied",
  advice: "give this user read and write access, or choose another folder",
};
const MISSING: Fault = {
  code: "not-found",
  advice: "is the path right? a table is made by importing or copying to lmdb:",
};
const DAMAGED: Fault = {
  code: "truncated",
  advice: "the file is no LMDB environment, or it is damaged; write it anew",
};
const MEMORY: Fault = { code: "out-of-memory", advice: "1 TiB of address space must be free; look at ulimit -v" };

/** By errno, by LMDB's own codes, and by Node's names. */
const FAULTS: Readonly<Record<string, Fault>> = {
  "28": SPACE,
  ENOSPC: SPACE,
  "122": SPACE,
  EDQUOT: SPACE,
  "-30792": SPACE, // MDB_MAP_FULL
  "13": PERMISSION,
  EACCES: PERMISSION,
  "1": PERMISSION,
  EPERM: PERMISSION,
  "30": PERMISSION,
  EROFS: PERMISSION,
  "2": MISSING,
  ENOENT: MISSING,
  ENOTDIR: MISSING,
  "-30797": DAMAGED, // MDB_PAGE_NOTFOUND
  "-30796": DAMAGED, // MDB_CORRUPTED
  "-30794": DAMAGED, // MDB_VERSION_MISMATCH
  "-30793": DAMAGED, // MDB_INVALID
  "12": MEMORY,
  ENOMEM: MEMORY,
};

/** What a foreign error means; an EngramError is given back as it is. */
export function lmdbFault(error: unknown, operation: string, path: string): EngramError {
  if (isEngramError(error)) return error as EngramError; // the marker is that of the class, of this copy or another
  const text = error instanceof Error ? error.message : String(error);
  const fault = FAULTS[String(field(error, "code"))] ?? faultByText(text);
  return new EngramError({
    code: fault?.code ?? "io",
    operation,
    message: `${path}: ${text}; ${fault?.advice ?? "is the disk in order?"}`,
    retry: fault?.retry ?? (fault === undefined ? "later" : "never"),
    context: { path },
    cause: error,
  });
}

function faultByText(text: string): Fault | undefined {
  if (/no space left|MDB_MAP_FULL|quota/i.test(text)) return SPACE;
  if (/permission denied|read-only file|not permitted/i.test(text)) return PERMISSION;
  if (/cannot allocate memory/i.test(text)) return MEMORY;
  if (/MDB_INVALID|MDB_CORRUPTED|MDB_VERSION_MISMATCH|MDB_PAGE_NOTFOUND/.test(text)) return DAMAGED;
  return undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && name in value
    ? (value as Readonly<Record<string, unknown>>)[name] // it is there
    : undefined;
}
