// Rows in files: published safetensors shards where they lie, and packed row files. Read-only; writing tables is the
// driver's. A batch is read in one of three ways: through a mapping of the files, synchronously when it is gathered, or
// into memory of its ticket, by the thread pool where the system does not hold it in its cache.

import { isAbsolute, join } from "node:path";
import {
  checkPrefetchOptions,
  checkRowIds,
  EngramError,
  type PrefetchOptions,
  type RowStore,
  type StoreCapabilities,
  StoreTicket,
  storeClosed,
  storeCounters,
  type TicketSource,
} from "@engram-ts/core";
import { DirectRows } from "./direct-rows.js";
import { fileError } from "./file-error.js";
import { type CheckedFileOptions, checkFileOptions, type FileStoreOptions } from "./file-options.js";
import type { FileScope } from "./file-scope.js";
import { MappedLoad } from "./mapped-load.js";
import { mappedResidency } from "./mapped-residency.js";
import { type MappedRows, mappedRows } from "./mapped-rows.js";
import { PlannedRows } from "./planned-rows.js";
import { readHeat } from "./read-heat.js";
import { readQueue } from "./read-queue.js";
import { SlicedRows } from "./sliced-rows.js";
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
 * files that are not as the manifest has them; `unsupported` where `mapping` is `"always"` and
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
    loads: new Set(),
    mapped: undefined,
    broken: undefined,
  };
  const residency = mappedResidency();
  let mapping = openMapping(options, files, (reason) => {
    mapping = `off: ${reason}`;
    scope.mapped = undefined;
  });
  if (typeof mapping !== "string") scope.mapped = mapping;
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
    await scope.queue.drain();
    await Promise.allSettled(scope.loads);
    scope.mapped?.close("the store is closed");
    for (const file of files) file.close();
  };

  const sourceOf = (rowIds: Uint32Array, prefetchOptions: PrefetchOptions | undefined): TicketSource => {
    const { mapped, broken } = scope;
    const { length } = rowIds;
    const ended = broken !== undefined || prefetchOptions?.signal?.aborted === true; // nothing will be read
    if (ended || (mapped === undefined ? isDirect(scope, reads, length) : residency.inMemory(mapped, rowIds, length))) {
      return new DirectRows(scope, rowIds.slice(), length);
    }
    if (mapped?.calls.readsAhead) return new MappedLoad(scope, mapped, rowIds.slice());
    const priority = prefetchOptions?.priority ?? 0;
    if (reads === "auto" && scope.heat.hot) return new SlicedRows(scope, rowIds.slice(), priority);
    return new PlannedRows(scope, rowIds, reads === "async" ? "async" : "auto", priority);
  };

  const store: FileStore = {
    table,
    capabilities,
    get diagnostics() {
      return { mapping: typeof mapping === "string" ? mapping : "mapped", files: files.length };
    },
    prefetch(rowIds, prefetchOptions) {
      if (closing !== undefined) throw storeClosed("store.prefetch");
      checkRowIds(rowIds, table, maxBatch, "store.prefetch");
      if (prefetchOptions !== undefined) checkPrefetchOptions(prefetchOptions, "store.prefetch");
      checkFiles();
      counters.hit(TIER, rowIds.length);
      const source = sourceOf(rowIds, prefetchOptions);
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

function openMapping(
  options: CheckedFileOptions,
  files: readonly TableFile[],
  onClose: (reason: string) => void,
): MappedRows | string {
  if (options.mapping === "off") return "off: not asked for";
  const mapping = mappedRows(options, files, onClose);
  if (typeof mapping !== "string") return mapping;
  if (options.mapping === "auto") return `off: ${mapping}`;
  for (const file of files) file.close();
  throw new EngramError({
    code: "unsupported",
    operation: "fileStore",
    message: `options.mapping is "always", and files cannot be mapped here: ${mapping}`,
  });
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
