// Rows in an object store: each ticket's blocks are fetched by parallel ranged reads, shared with other tickets that want
// them, and kept by nobody after; put `cached` or `tiered` in front. No retries: `withRetry(withTimeout(store))` has them.

import {
  checkPrefetchOptions,
  checkRowIds,
  EngramError,
  type ManifestModule,
  type RowStore,
  rowLocations,
  StoreTicket,
  storeCounters,
  tableInfo,
} from "@engram-ts/core";
import type { RunContext } from "./block-run.js";
import { type HedgeCounts, hedged } from "./hedge.js";
import { type RequestQueue, requestQueue } from "./request-queue.js";
import { connectS3 } from "./s3-client.js";
import { readBlockDigests } from "./s3-digests.js";
import type { S3Bucket } from "./s3-exchange.js";
import { type CheckedReadOptions, checkPlace, checkReadOptions, type S3ReadOptions } from "./s3-options.js";
import { pinObjects } from "./s3-pins.js";
import { getRange } from "./s3-read.js";
import { type RunLimits, S3Rows } from "./s3-rows.js";
import { signedGets } from "./signed-gets.js";

/** What {@link s3Store} opens. */
export interface S3StoreOptions extends S3ReadOptions {
  /** The table, as a manifest describes it; its URIs are relative to the prefix. */
  readonly module: ManifestModule;
  readonly bucket: string;
  /** Default none: the objects lie at the top of the bucket. */
  readonly prefix?: string;
  /** Ends the opening. */
  readonly signal?: AbortSignal;
}

/** Counters of requests, besides those of rows. */
export interface S3RequestStats {
  /** Ranged reads sent, hedges among them. */
  readonly requests: number;
  /** Bytes of rows that came, those between wanted rows counted. */
  readonly bytesRead: number;
  /** Readings of consecutive blocks that tickets started. */
  readonly runs: number;
  /** Second requests sent because the first was slow. */
  readonly hedges: number;
  /** Second requests that answered first. */
  readonly hedgesWon: number;
}

/** A table in an object store. */
export interface S3Store extends RowStore {
  requestStats(): S3RequestStats;
}

const TIER = "s3";

/**
 * Opens a table in an object store: its objects are looked at, their versions pinned, its block digests read.
 * @throws EngramError `invalid-argument`, `missing-dependency`, `not-found`, `permission-denied`, `manifest-mismatch`
 * where an object is not of the manifest's size, `digest-mismatch`, `io`, `aborted`. Tickets fail with the same, with
 * `manifest-mismatch` where an object was replaced after opening, and with `truncated`.
 * @example const store = withRetry(withTimeout(await s3Store({ module, bucket, prefix }), { timeoutMs: 2_000 }));
 */
export async function s3Store(options: S3StoreOptions): Promise<S3Store> {
  const checked = checkReadOptions(options, "s3Store");
  const { bucket, prefix } = checkPlace(options.bucket, options.prefix ?? "", "s3Store");
  const sockets = checked.concurrency * (checked.hedgeAfterMs === undefined ? 1 : 2);
  const connection = await connectS3(options, sockets, checked.timeoutMs);
  const queue = requestQueue(checked.concurrency);
  try {
    const gets = connection.own ? { gets: signedGets(connection, bucket) } : {};
    const opened = { ...connection, bucket, timeoutMs: checked.timeoutMs, ...gets };
    return await openModule({ bucket: opened, prefix, queue, options: checked }, options.module, options.signal);
  } catch (cause) {
    connection.close();
    throw cause;
  }
}

/** A place to open tables at; the tables of one manifest share it, and so the limit of requests. */
export interface S3Place {
  readonly bucket: S3Bucket;
  readonly prefix: string;
  readonly queue: RequestQueue;
  readonly options: CheckedReadOptions;
}

/** Opens one table; closing it closes the place's connection. */
export async function openModule(
  place: S3Place,
  module: ManifestModule,
  signal: AbortSignal | undefined,
): Promise<S3Store> {
  const { bucket, prefix, queue, options } = place;
  const { rows, encoding, digest } = module;
  const table = tableInfo(digest === undefined ? { rows, encoding } : { rows, encoding, digest });
  const locations = rowLocations(module);
  const [pins, digests] = await Promise.all([
    pinObjects(bucket, prefix, locations.objects, signal),
    options.verify ? readBlockDigests(bucket, prefix, module, signal) : undefined,
  ]);
  const blockRows = module.blocks?.rows ?? Math.max(1, Math.floor(options.blockBytes / spreadBytes(locations)));
  const limits = runLimits(blockRows, spreadBytes(locations), options);
  const counters = storeCounters([TIER]);
  const counts = { requests: 0, bytesRead: 0, runs: 0 };
  const hedges: HedgeCounts = { hedges: 0, hedgesWon: 0 };
  const open = new Map<StoreTicket, S3Rows>();
  let closing: Promise<void> | undefined;

  const context: RunContext = {
    locations,
    blockRows,
    digests,
    queue,
    runs: new Map(),
    fetch(object, start, length, signal, into) {
      const pin = pins[object];
      if (pin === undefined) throw new RangeError("unreachable: every object of the locations is pinned");
      const alone = options.hedgeAfterMs === undefined; // two answers must not be written into one memory
      const send = async (stop: AbortSignal): Promise<Uint8Array> => {
        counts.requests++;
        const bytes = await getRange(bucket, pin, start, length, stop, alone ? into : undefined);
        counts.bytesRead += bytes.length;
        return bytes;
      };
      return options.hedgeAfterMs === undefined ? send(signal) : hedged(send, signal, options.hedgeAfterMs, hedges);
    },
  };

  const closed = (operation: string): EngramError =>
    new EngramError({
      code: "store-closed",
      operation,
      message: "the store that s3Store made has been closed; open another one",
    });
  const unlisten = new Map<StoreTicket, () => void>(); // of the tickets with a signal
  const onRelease = (ticket: StoreTicket): void => {
    open.delete(ticket);
    unlisten.get(ticket)?.();
    unlisten.delete(ticket);
  };
  const close = (): Promise<void> => {
    closing ??= Promise.resolve().then(() => bucket.close());
    for (const [ticket, source] of open) {
      ticket.fail(closed("store.close"));
      source.stop();
    }
    return closing;
  };

  return {
    table,
    capabilities: { maxBatch: options.maxBatch, resident: false, writable: false, durable: true },
    prefetch(rowIds, prefetchOptions) {
      if (closing !== undefined) throw closed("store.prefetch");
      checkRowIds(rowIds, table, options.maxBatch, "store.prefetch");
      checkPrefetchOptions(prefetchOptions, "store.prefetch");
      counters.hit(TIER, rowIds.length);
      const source = new S3Rows(table, rowIds);
      const stopped = prefetchOptions?.signal?.aborted === true;
      if (!stopped) counts.runs += source.start(context, limits, prefetchOptions?.priority ?? 0);
      const ticket = new StoreTicket(source, counters, prefetchOptions, onRelease);
      open.set(ticket, source);
      if (!stopped && prefetchOptions?.signal !== undefined) {
        unlisten.set(ticket, stopAtAbort(prefetchOptions.signal, ticket, source));
      }
      return ticket;
    },
    stats: () => counters.snapshot(),
    requestStats: () => ({ ...counts, ...hedges }),
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Ends the requests of a ticket that its signal has failed; what is returned stops listening. */
function stopAtAbort(signal: AbortSignal, ticket: StoreTicket, source: S3Rows): () => void {
  const stop = (): void => {
    if (ticket.error !== undefined) source.stop(); // one that is ready stays so
  };
  signal.addEventListener("abort", stop, { once: true });
  return () => signal.removeEventListener("abort", stop);
}

/** Bytes of an object that a row takes, with what lies between rows. */
function spreadBytes({ parts }: ReturnType<typeof rowLocations>): number {
  return Math.max(...parts.map(({ data, scales }) => data.stride + (scales?.stride ?? 0)));
}

const MAX_BLOCK_BYTES = 2 ** 28;

function runLimits(blockRows: number, rowBytes: number, options: CheckedReadOptions): RunLimits {
  const blockBytes = blockRows * rowBytes;
  if (blockBytes > MAX_BLOCK_BYTES) {
    throw new EngramError({
      code: "unsupported",
      operation: "s3Store",
      message: `a block of ${blockRows} rows takes ${blockBytes} bytes to read, and at most ${MAX_BLOCK_BYTES} are; make smaller blocks`,
    });
  }
  return {
    maxBlocks: Math.max(1, Math.floor(options.maxRequestBytes / blockBytes)),
    maxGapBlocks: Math.floor(options.maxGapBytes / blockBytes),
  };
}
