// The options of dramStore and openDramStore, and their check.

import { checkRowEncoding, EngramError, MAX_ROWS, type TableInfo, tableInfo } from "@engram-ts/core";

/** Writes consecutive rows at opening; `rows` is a view of the store's memory: do not keep it. */
export type InitializeRows<Result> = (firstRow: number, rows: Uint8Array) => Result;

/** How rows are kept in memory. */
export interface DramStoreOptions {
  /** The table; from `tableInfo({ rows, encoding })`. */
  readonly table: TableInfo;
  /**
   * Writes the first contents, called with consecutive runs of whole rows until all have been offered, without a copy.
   * Rows that it leaves alone are zero bytes.
   */
  readonly initialize?: InitializeRows<void>;
  /** Most row ids of one prefetch or put. Default 2^22. */
  readonly maxBatch?: number;
  /**
   * Linux: put the rows on huge pages, which makes random reads faster. `"auto"`, the default, does so where the optional
   * package `koffi` is installed and the system allows it.
   */
  readonly hugePages?: "auto" | "off";
  /**
   * Threads that gather large batches while the caller computes. Node only. Default 0. Rows then lie in shared memory,
   * which engines copy out of more slowly.
   */
  readonly workers?: number;
  /** Fewest row ids of a batch that is handed to the threads. Default 16,384. */
  readonly workerBatch?: number;
  /** Most bytes of rows in one memory, at most 4 GiB. Default 3.5 GiB, which leaves the first memory room for outputs. */
  readonly shardBytes?: number;
  /** `"auto"`, the default, uses WebAssembly where the platform has SIMD; `"typescript"` never does. */
  readonly kernel?: "auto" | "typescript";
}

/** As {@link DramStoreOptions}, with an `initialize` that may wait, as for files or a network. */
export interface OpenDramStoreOptions extends Omit<DramStoreOptions, "initialize"> {
  readonly initialize?: InitializeRows<void | Promise<void>>;
}

/** Options with all defaults in place. */
export interface CheckedDramOptions {
  readonly table: TableInfo;
  readonly maxBatch: number;
  readonly hugePages: boolean;
  readonly workers: number;
  readonly workerBatch: number;
  readonly shardBytes: number;
  readonly wasm: boolean;
}

const MAX_WORKERS = 64;
const MAX_SHARD_BYTES = 2 ** 32;
const DEFAULT_SHARD_BYTES = 3.5 * 2 ** 30;

/** @throws EngramError `invalid-argument`, naming the option, what it is and what it may be. */
export function checkDramOptions(options: DramStoreOptions | OpenDramStoreOptions): CheckedDramOptions {
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-argument", operation: "dramStore", message });
  };
  const whole = (name: string, value: unknown, least: number, most: number, fallback: number): number => {
    if (value === undefined) return fallback;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    return refuse(`options.${name} is ${String(value)}; use a whole number from ${least} to ${most}`);
  };
  const oneOf = <Name extends string>(name: string, value: unknown, names: readonly [Name, Name]): Name => {
    if (value === undefined) return names[0];
    return (
      names.find((one) => one === value) ?? refuse(`options.${name} is ${String(value)}; use ${names.join(" or ")}`)
    );
  };
  const { table, initialize } = options ?? {};
  if (typeof table !== "object" || table === null)
    refuse("options.table must be a table; use tableInfo({ rows, encoding })");
  checkRowEncoding(table.encoding, "dramStore");
  const described = tableInfo({ rows: table.rows, encoding: table.encoding });
  const { rowBytes } = described;
  if (table.rowBytes !== rowBytes)
    refuse(`options.table.rowBytes is ${table.rowBytes}, and its encoding makes ${rowBytes}`);
  if (initialize !== undefined && typeof initialize !== "function") refuse("options.initialize must be a function");
  return {
    table,
    maxBatch: whole("maxBatch", options.maxBatch, 1, MAX_ROWS, 2 ** 22),
    hugePages: oneOf("hugePages", options.hugePages, ["auto", "off"]) === "auto",
    workers: whole("workers", options.workers, 0, MAX_WORKERS, 0),
    workerBatch: whole("workerBatch", options.workerBatch, 1, MAX_ROWS, 16_384),
    shardBytes: whole("shardBytes", options.shardBytes, rowBytes, MAX_SHARD_BYTES, DEFAULT_SHARD_BYTES),
    wasm: oneOf("kernel", options.kernel, ["auto", "typescript"]) === "auto",
  };
}
