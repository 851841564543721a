// The options of lmdbStore, and their check.

import { EngramError, MAX_ROWS, type TableInfo } from "@engram-ts/core";

/** A table in an LMDB environment. */
export interface LmdbStoreOptions {
  /** The environment's folder. */
  readonly path: string;
  /** Which of its tables. Default the only one, or layer 0 of a new environment. */
  readonly layer?: number;
  /** What the table must be; with `initialize`, what it will be. */
  readonly table?: TableInfo;
  /**
   * Where the environment has no tables: writes one, called with consecutive runs of whole rows until all have been
   * offered; `rows` is zero bytes, and is written when what it returns has been awaited.
   */
  readonly initialize?: (firstRow: number, rows: Uint8Array) => unknown;
  /** Most row ids of one prefetch or put. Default 2^20. */
  readonly maxBatch?: number;
  /** How long a commit of another process may go unseen, in milliseconds. Default 100. */
  readonly refreshMs?: number;
  /** Most bytes of a table to hold in memory where this build of lmdb cannot map values. Default 4 GiB. */
  readonly copyBytes?: number;
  /**
   * When what this store commits is on disk: as each commit resolves, or when the store is closed. With `close` commits
   * outlive the process, as ever, but where the machine itself stops before, the environment may be lost or damaged: for
   * rows that can be made again, as in training. Default `commit`.
   */
  readonly durability?: "commit" | "close";
}

/** Options with all defaults in place. */
export interface CheckedLmdbOptions extends LmdbStoreOptions {
  readonly maxBatch: number;
  readonly refreshMs: number;
  readonly copyBytes: number;
  readonly durability: "commit" | "close";
}

/** @throws EngramError `invalid-argument`, naming the option, what it is and what it may be. */
export function checkLmdbOptions(options: LmdbStoreOptions): CheckedLmdbOptions {
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-argument", operation: "lmdbStore", message });
  };
  const number = (name: string, value: unknown, least: number, most: number, fallback: number): number => {
    if (value === undefined) return fallback;
    if (
      typeof value === "number" &&
      value >= least &&
      value <= most &&
      (name === "refreshMs" || Number.isInteger(value))
    )
      return value;
    return refuse(`options.${name} is ${String(value)}; use a number from ${least} to ${most}`);
  };
  const { path, initialize, table, layer, durability = "commit" } = options ?? {};
  if (typeof path !== "string" || path === "") refuse("options.path must be the folder of the environment");
  if (initialize !== undefined && typeof initialize !== "function") refuse("options.initialize must be a function");
  if (initialize !== undefined && table === undefined)
    refuse("options.initialize needs options.table; use tableInfo({ rows, encoding })");
  if (layer !== undefined) number("layer", layer, 0, MAX_ROWS, 0);
  if (durability !== "commit" && durability !== "close")
    refuse(`options.durability is ${String(durability)}; use commit or close`);
  return {
    ...options,
    durability,
    maxBatch: number("maxBatch", options.maxBatch, 1, MAX_ROWS, 2 ** 20),
    refreshMs: number("refreshMs", options.refreshMs, 0, 2 ** 31, 100),
    copyBytes: number("copyBytes", options.copyBytes, 0, Number.MAX_SAFE_INTEGER, 2 ** 32),
  };
}
