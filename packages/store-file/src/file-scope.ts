// What the tickets of one store share.

import type { EngramError, RowEncoding, RowLocations } from "@engram-ts/core";
import type { MappedRows } from "./mapped-rows.js";
import type { ReadHeat } from "./read-heat.js";
import type { ReadQueue } from "./read-queue.js";
import type { TableFile } from "./table-file.js";

/** What the tickets of one store share. */
export interface FileScope {
  readonly folder: string;
  readonly encoding: RowEncoding;
  readonly locations: RowLocations;
  /** Open files, in the order of `locations.objects`. */
  readonly files: readonly TableFile[];
  readonly queue: ReadQueue;
  readonly heat: ReadHeat;
  /** Loads from the mapping that are under way. */
  readonly loads: Set<Promise<void>>;
  /** The mapping, while there is one. */
  mapped: MappedRows | undefined;
  /** Why nothing can be read any more: a file was changed, or the store was closed. */
  broken: EngramError | undefined;
}
