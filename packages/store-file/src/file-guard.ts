// What stands between a mapping and SIGBUS: a lease; or a file system on which nobody can write; or, where the caller
// says that the files never change, only a look at their size.

import { accessSync, constants } from "node:fs";
import { type FileLease, fileLease } from "./file-lease.js";
import type { SystemCalls } from "./system-calls.js";
import type { TableFile } from "./table-file.js";

/** Watches one mapped file. */
export interface FileGuard {
  /** Whether the file can be read through its mapping now, and for some seconds. */
  unchanged(): boolean;
  release(): void;
}

/** Guards a file, or says why it cannot be mapped. */
export function guardFile(
  calls: SystemCalls,
  file: TableFile,
  always: boolean,
  onWanted: () => void,
): FileGuard | string {
  const lease: FileLease | undefined = fileLease(calls, file.descriptor, onWanted);
  if (lease !== undefined) return { unchanged: lease.held, release: lease.release };
  if (always || isReadOnlyFileSystem(file.path)) return { unchanged: () => isUnchanged(file), release: () => {} };
  return `no lease on ${file.path}: it is open for writing, belongs to another user, or its file system has no leases`;
}

function isUnchanged(file: TableFile): boolean {
  try {
    file.check();
    return true;
  } catch {
    return false;
  }
}

function isReadOnlyFileSystem(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === "EROFS";
  }
}
