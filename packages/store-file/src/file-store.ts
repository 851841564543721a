// Rows in files: published safetensors shards where they lie, and packed row files. Read-only; writing tables is the
// driver's. A batch is read in one of three ways: through a mapping of the files, synchronously when it is gathered, or
// into memory of its ticket, by the thread pool where the system does not hold it in its cache.

import { isAbsolute, join } from "node:path";
import {
  checkPrefetchOptions,
  checkRowIds,
  EngramError,
  type RowStore,
  type StoreCapabilities,
  StoreTicket,
  storeCounters,
} from "@engram-ts/core";
import { DirectRows } from "./direct-rows.js";
import { fileError } from "./file-error.js";
import { type CheckedFileOptions, checkFileOptions, type FileStoreOptions } from "./file-options.js";
import type { FileScope } from "./file-scope.js";
import { PlannedRows } from "./planned-rows.js";
import { readHeat } from "./read-heat.js";
import { readQueue } from "./read-queue.js";
import { openTableFile, type TableFile } from "./table-file.js";

/** How a store reads its files, for people and benchmarks. */
export interface FileDiagnostics {
  /** `"mapped"`, or `off:` and why. */
  readonly mapping: string;
  /** Files open. */
  readonly files: number;
}

/** A table in files. */
export interface FileStore extends RowStore {
  readonly diagnostics: FileDiagnostics;
}

const TIER = "file";
/** Larger batches are never read while they are gathered: that would block for milliseconds even from the cache. */
const MAX_DIRECT_ROWS = 4096;
/** How often files are looked at again. */
const CHECK_EVERY_MS = 1000;

/**
 * Opens a table in files.
 * @throws EngramError `invalid-argument`; `not-found`, `permission-denied`, `truncated`, `manifest-mismatch`, `io` for
 * files that are not as the manifest has them; `missing-dependency`, `unsupported` where `mapping` is `"always"` and
 * cannot be.
 * @example
 * const manifest = parseManifest(await readFile("tables/engram.json", "utf8"));
 * const store = fileStore({ module: manifest.modules[0], folder: "tables" });
 */
export function fileStore(options: FileStoreOptions): FileStore {
  return create(checkFileOptions(options));
}

function create(options: CheckedFileOptions): FileStore {
  const { table, locations, maxBatch, reads } = options;
  const files = openFiles(options);
  const scope: FileScope = {
    folder: options.folder,
    encoding: table.encoding,
    locations,
    files,
    queue: readQueue(options.queueDepth),
    heat: readHeat(),
    mapped: undefined,
    broken: undefined,
  };
  const capabilities: StoreCapabilities = { maxBatch, resident: false, writable: false, durable: true };
  const counters = storeCounters([TIER]);
  const tickets = new Set<StoreTicket>();
  const onRelease = (ticket: StoreTicket): void => {
    tickets.delete(ticket);
  };
  let checkedAt = performance.now();
  let closing: Promise<void> | undefined;

  /** Looks at the files now and then, so that rows are not read from changed ones for long. */
  const checkFiles = (): void => {
    const now = performance.now();
    if (now - checkedAt < CHECK_EVERY_MS || scope.broken !== undefined) return;
    checkedAt = now;
    try {
      for (const file of files) file.check();
    } catch (error) {
      scope.broken = fileError(error, "store.prefetch", options.folder);
    }
  };

  const close = async (): Promise<void> => {
    scope.broken = storeClosed("ticket.gather");
    for (const ticket of tickets) ticket.fail(scope.broken);
    scope.mapped?.close();
    await scope.queue.drain();
    for (const file of files) file.close();
  };

  const store: FileStore = {
    table,
    capabilities,
    get diagnostics() {
      return { mapping: "off: not yet", files: files.length };
    },
    prefetch(rowIds, prefetchOptions) {
      if (closing !== undefined) throw storeClosed("store.prefetch");
      checkRowIds(rowIds, table, maxBatch, "store.prefetch");
      if (prefetchOptions !== undefined) checkPrefetchOptions(prefetchOptions, "store.prefetch");
      checkFiles();
      counters.hit(TIER, rowIds.length);
      const direct = scope.broken !== undefined || isDirect(scope, reads, rowIds.length);
      const source = direct
        ? new DirectRows(scope, rowIds.slice(), rowIds.length)
        : new PlannedRows(scope, rowIds, reads === "async" ? "async" : "auto", prefetchOptions?.priority ?? 0);
      const ticket = new StoreTicket(source, counters, prefetchOptions, onRelease);
      tickets.add(ticket);
      if (source instanceof DirectRows) source.onFailure = (error) => ticket.fail(error);
      if (scope.broken !== undefined) ticket.fail(scope.broken);
      return ticket;
    },
    stats: () => counters.snapshot(),
    close() {
      closing ??= close();
      return closing;
    },
    [Symbol.asyncDispose]: () => store.close(),
  };
  return store;
}

function isDirect(scope: FileScope, reads: CheckedFileOptions["reads"], length: number): boolean {
  if (reads === "auto") return scope.heat.hot && length <= MAX_DIRECT_ROWS;
  return reads === "sync";
}

function openFiles({ locations, folder }: CheckedFileOptions): readonly TableFile[] {
  const files: TableFile[] = [];
  try {
    for (const object of locations.objects) {
      // parseManifest lets no other through, but a module may have been made by hand
      if (isAbsolute(object.uri) || object.uri.split(/[\\/]/).includes("..")) {
        throw new EngramError({
          code: "invalid-argument",
          operation: "fileStore",
          message: `the URI ${JSON.stringify(object.uri.slice(0, 80))} leaves the manifest's folder; use a path below it`,
        });
      }
      files.push(openTableFile(join(folder, object.uri), object));
    }
  } catch (error) {
    for (const file of files) file.close();
    throw error;
  }
  return files;
}

function storeClosed(operation: string): EngramError {
  return new EngramError({ code: "store-closed", operation, message: "the store is closed; open the table again" });
}
