// Whether a disk has room for what is to be written, asked before hours are spent on it.

import { statfsSync } from "node:fs";
import { EngramError } from "@engram-ts/core";
import type { Environment } from "./lmdb-environment.js";
import { lmdbFault } from "./lmdb-fault.js";
import type { LayerState } from "./write-plan.js";

/** Beside the rows: pages of the tree, and the records. */
const SPARE_BYTES = 2 ** 22;
/** Page headers and the ends of last pages, of 16 MiB. */
const BLOCK_OVERHEAD = 1.001;

/** @throws EngramError `out-of-space`, saying what is needed and what there is. */
export function checkSpace(environment: Environment, layers: Iterable<LayerState>): void {
  let needed = SPARE_BYTES;
  for (const { record, whole } of layers)
    needed += (record.table.rows - whole) * record.table.rowBytes * BLOCK_OVERHEAD;
  needed = Math.ceil(needed);
  let free: number;
  try {
    const { bavail, bsize } = statfsSync(environment.path);
    free = bavail * bsize;
  } catch (error) {
    throw lmdbFault(error, "driver.write", environment.path);
  }
  if (free >= needed) return;
  throw new EngramError({
    code: "out-of-space",
    operation: "driver.write",
    message: `${environment.path} has ${free} bytes free, and the tables need ${needed} more; free some space, or choose another disk`,
    retry: "later",
    context: { free, needed },
  });
}
