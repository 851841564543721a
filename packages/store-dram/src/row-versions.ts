// What rows held before they were overwritten, for tickets made before. Versions form a chain from old to new; a ticket
// holds the version it was made at, each version what the commit after it replaced. Nothing points back, so a version is
// garbage as soon as the last ticket of it and of all before it is gone. Without open tickets no version is made.

import type { OldRows } from "./row-memory.js";

/** The state of a table between two commits. */
export interface RowVersion {
  /** What the commit that ended this version overwrote: row id to its old bytes. */
  overwritten: ReadonlyMap<number, Uint8Array> | undefined;
  next: RowVersion | undefined;
}

/** A version that no commit has ended. */
export function currentVersion(): RowVersion {
  return { overwritten: undefined, next: undefined };
}

/** Ends `version` by a commit that overwrites these rows, and returns the next version. */
export function endVersion(version: RowVersion, overwritten: ReadonlyMap<number, Uint8Array>): RowVersion {
  version.overwritten = overwritten;
  version.next = currentVersion();
  return version.next;
}

/** The rows overwritten since `version`, as they were in it; undefined where it is still current. */
export function rowsSince(version: RowVersion): OldRows | undefined {
  if (version.next === undefined) return undefined;
  return {
    find(row) {
      for (let at: RowVersion | undefined = version; at !== undefined; at = at.next) {
        const found = at.overwritten?.get(row);
        if (found !== undefined) return found; // the earliest commit after the version saved what the version saw
      }
      return undefined;
    },
  };
}
