// What a storage package offers beside its store: opening, caching and writing tables by URI, so that one command line
// and one configuration reach every tier. Types only; open-tables.ts parses URIs and stacks and calls these.

import type { Manifest } from "../rows/manifest.js";
import type { TableInfo } from "../rows/table.js";
import type { RowCache } from "./row-cache.js";
import type { RowStore } from "./row-store.js";

/** The tables that one URI names. */
export interface OpenedTables {
  readonly manifest: Manifest;
  /** A store for each module opened, by layer. */
  readonly tables: ReadonlyMap<number, RowStore>;
  /**
   * The bytes of the token map that the manifest names, for drivers that keep it; checked by the caller.
   * @throws EngramError `not-found`, `io`.
   */
  tokenMap?(): Promise<Uint8Array>;
  /** Closes all of them. */
  close(): Promise<void>;
}

/** How tables are opened. */
export interface OpenTablesOptions {
  /** Only these layers; default all that the manifest describes. */
  readonly layers?: readonly number[];
  readonly signal?: AbortSignal;
}

/** What is to be written at a URI. Its modules' parts say nothing yet: the writer makes them. */
export interface TablePlan {
  /** Addressing, derived numbers, token map. */
  readonly manifest: Omit<Manifest, "modules">;
  /** The tables to come, by layer. */
  readonly tables: ReadonlyMap<number, TableInfo>;
  /** The bytes of `manifest.tokenMap`, to be kept beside the tables; given where the manifest names one. */
  readonly tokenMap?: Uint8Array;
}

/** How tables are written. */
export interface WriteTablesOptions {
  /**
   * Forgets what an unfinished writing of another plan has left at the URI. Without it that is `manifest-mismatch`.
   * Finished tables are replaced by `finish` either way; whether they may be is the caller's to ask.
   */
  readonly replace?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Writes tables from their first row to their last. What was committed survives a kill: a writer opened again for the
 * same plan goes on after it. Readers see nothing of it before `finish`.
 */
export interface TableWriter {
  /** Rows of each layer that are safe already; writing goes on there. */
  readonly committed: ReadonlyMap<number, number>;
  /**
   * Appends rows to a layer's table; `rows` is copied or written before the promise resolves.
   * @param firstRow where the rows belong: the number of rows written so far.
   * @throws EngramError `invalid-argument` out of order, `out-of-space`, `permission-denied`, `io`.
   */
  write(layer: number, firstRow: number, rows: Uint8Array): Promise<void>;
  /**
   * Publishes the finished tables at once, replacing what was there; readers of the old tables keep them.
   * @param digests `sha256:` and hex of all encoded rows of a layer, where the caller computed them: for the manifest.
   */
  finish(digests?: ReadonlyMap<number, string>): Promise<Manifest>;
  /** Stops writing and frees what is held; what was committed stays, to be gone on with. */
  close(): Promise<void>;
}

/** A storage package's way in. */
export interface TableDriver {
  /** The scheme of its URIs, without the colon. */
  readonly scheme: string;
  /** Opens what a URI names; the URI comes with its scheme. */
  open(uri: string, options?: OpenTablesOptions): Promise<OpenedTables>;
  /** Opens or makes a row cache for one layer's table, for drivers that can hold some rows of a table. */
  openCache?(uri: string, layer: number, table: TableInfo): Promise<RowCache>;
  /** Starts or resumes writing, for drivers that can. */
  write?(uri: string, plan: TablePlan, options?: WriteTablesOptions): Promise<TableWriter>;
  /**
   * Holds all rows of other tables, as memory does: loads them, and gives stores of its own. The tables inside are
   * closed with the ones given, or by then.
   */
  openOver?(inside: OpenedTables, options?: OpenTablesOptions): Promise<OpenedTables>;
}
