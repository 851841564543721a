// The options of fileStore, and their check.

import {
  checkRowEncoding,
  EngramError,
  MAX_ROWS,
  type ManifestModule,
  type RowLocations,
  rowLocations,
  type TableInfo,
  tableInfo,
} from "@engram-ts/core";

/** Where a table's files are and how they are read. */
export interface FileStoreOptions {
  /** The table, as its manifest describes it. */
  readonly module: ManifestModule;
  /** The folder of the manifest; the URIs of the module's parts are paths below it. */
  readonly folder: string;
  /** Most row ids of one prefetch. Default 2^22. */
  readonly maxBatch?: number;
  /**
   * Maps the files into memory, which makes reading rows that the system has cached about ten times as fast. Needs Linux
   * and the optional package `koffi`. `"auto"`, the default, maps files on which a lease could be taken, so that nobody
   * can cut them under the reader, or which lie on a file system mounted read-only; `"always"` maps files without one
   * too, and whoever cuts such a file ends this process; `"off"` never maps.
   */
  readonly mapping?: "auto" | "always" | "off";
  /** Most bytes of files in one mapping. Default, and at most, what a WebAssembly memory holds: 4 GiB. */
  readonly mappingBytes?: number;
  /**
   * How unmapped files are read. `"sync"`: when they are gathered, right for tables that the system has cached whole.
   * `"async"`: by the thread pool. `"auto"`, the default, reads synchronously for as long as reads come from the
   * system's cache, which it knows by their time.
   */
  readonly reads?: "auto" | "sync" | "async";
  /** Most asynchronous reads under way at once; no more than `UV_THREADPOOL_SIZE` of them (4 unless set) really are. Default 16. */
  readonly queueDepth?: number;
}

/** Options with all defaults in place. */
export interface CheckedFileOptions {
  readonly module: ManifestModule;
  readonly table: TableInfo;
  readonly locations: RowLocations;
  readonly folder: string;
  readonly maxBatch: number;
  readonly mapping: "auto" | "always" | "off";
  readonly mappingBytes: number;
  readonly reads: "auto" | "sync" | "async";
  readonly queueDepth: number;
}

/** @throws EngramError `invalid-argument`, naming the option, what it is and what it may be. */
export function checkFileOptions(options: FileStoreOptions): CheckedFileOptions {
  const refuse = (message: string): never => {
    throw new EngramError({ code: "invalid-argument", operation: "fileStore", message });
  };
  const whole = (name: string, value: unknown, least: number, most: number, fallback: number): number => {
    if (value === undefined) return fallback;
    if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= most) return value;
    return refuse(`options.${name} is ${String(value)}; use a whole number from ${least} to ${most}`);
  };
  const oneOf = <Name extends string>(name: string, value: unknown, names: readonly [Name, ...Name[]]): Name => {
    if (value === undefined) return names[0];
    return names.find((one) => one === value) ?? refuse(`options.${name} is ${String(value)}; use ${names.join(", ")}`);
  };
  const { module, folder } = options ?? {};
  if (typeof module !== "object" || module === null || !Array.isArray(module.parts) || module.parts.length === 0) {
    refuse("options.module must be a module of a manifest; use parseManifest(text).modules[0]");
  }
  if (typeof folder !== "string" || folder === "") refuse("options.folder must be the path of the manifest's folder");
  checkRowEncoding(module.encoding, "fileStore");
  const { rows, encoding, digest } = module;
  return {
    module,
    table: tableInfo(digest === undefined ? { rows, encoding } : { rows, encoding, digest }),
    locations: rowLocations(module),
    folder,
    maxBatch: whole("maxBatch", options.maxBatch, 1, MAX_ROWS, 2 ** 22),
    mapping: oneOf("mapping", options.mapping, ["auto", "always", "off"]),
    mappingBytes: whole("mappingBytes", options.mappingBytes, 1, 2 ** 32, 2 ** 32),
    reads: oneOf("reads", options.reads, ["auto", "sync", "async"]),
    queueDepth: whole("queueDepth", options.queueDepth, 1, 1024, 16),
  };
}
