// A prefix of an object store as a place for checkpoints: ranged reads of pinned versions, several at once, straight into
// the memory that was asked for; objects written whole, large ones in parts. Requests are made again where that can help.

import { type CheckpointStorage, isEngramError } from "@engram-ts/core";
import { requestQueue } from "./request-queue.js";
import { connectS3, type S3ClientOptions } from "./s3-client.js";
import type { S3Bucket } from "./s3-exchange.js";
import { checkPlace, checkReadOptions, keyUnder } from "./s3-options.js";
import { putObject } from "./s3-put.js";
import { getRange, headObject, type PinnedObject } from "./s3-read.js";
import { abortUploads, completeUpload, createUpload, uploadPart } from "./s3-upload.js";
import { again } from "./upload-request.js";

/** Where a checkpoint is, and how it is reached. */
export interface S3StorageOptions extends S3ClientOptions {
  readonly bucket: string;
  /** Default none: the files lie at the top of the bucket. */
  readonly prefix?: string;
  /** Most requests under way at once. Default 16. */
  readonly concurrency?: number;
  /** Most bytes of one read, and of one part of an upload, at least 5 MiB as S3 has it. Default 16 MiB. */
  readonly maxRequestBytes?: number;
  /** Longest time without a byte from the server. Default 60,000. */
  readonly timeoutMs?: number;
  /** Ends what is under way. */
  readonly signal?: AbortSignal;
}

/** A prefix of an object store, until it is closed. */
export interface S3Storage extends CheckpointStorage {
  /** Ends the connections of a client of the storage's own. */
  close(): void;
}

/**
 * A place for a checkpoint's files in an object store. What is read is the version that was there when it was first asked
 * for: an object that is replaced meanwhile is an error, never a mixture.
 * @throws EngramError `invalid-argument`, `missing-dependency`.
 * @example const { spec, parameters } = await loadCheckpoint(await s3Storage({ bucket: "models", prefix: "tiny" }));
 */
export async function s3Storage(options: S3StorageOptions): Promise<S3Storage> {
  const { bucket: name, prefix } = checkPlace(options.bucket, options.prefix ?? "", "s3Storage");
  const { concurrency = 16, maxRequestBytes = 2 ** 24, timeoutMs = 60_000, signal } = options;
  const { client, clientConfig } = options;
  checkReadOptions(
    { concurrency, maxRequestBytes, timeoutMs, ...(client && { client }), ...(clientConfig && { clientConfig }) },
    "s3Storage",
  );
  const connection = await connectS3(options, concurrency, timeoutMs);
  const operation = "s3Storage";
  const bucket: S3Bucket = { ...connection, bucket: name, timeoutMs, operation, ...(signal && { signal }) };
  const queue = requestQueue(concurrency);
  const running = signal ?? new AbortController().signal;
  const pins = new Map<string, PinnedObject>();
  const pin = async (file: string): Promise<PinnedObject> => {
    const found = pins.get(file) ?? (await again(() => headObject(bucket, keyUnder(prefix, file), operation, signal)));
    pins.set(file, found);
    return found;
  };
  /** Runs `each` for every run of at most `maxRequestBytes` bytes, as many at once as may be. */
  const inParts = (length: number, partBytes: number, each: (first: number, last: number) => Promise<void>) => {
    const count = Math.ceil(length / partBytes);
    const parts = Array.from({ length: count }, (_, i) => {
      const first = i * partBytes;
      return queue.add(0, running, () => each(first, Math.min(first + partBytes, length))).done;
    });
    return Promise.all(parts);
  };
  return {
    name: `s3://${keyUnder(name, prefix)}`.replace(/\/$/, ""),
    async size(file) {
      try {
        return (await pin(file)).bytes;
      } catch (cause) {
        if (isEngramError(cause, "not-found")) return undefined;
        throw cause;
      }
    },
    async read(file, offset, length) {
      const object = await pin(file);
      const bytes = new Uint8Array(length);
      await inParts(length, maxRequestBytes, async (first, last) => {
        const into = bytes.subarray(first, last);
        await again(() => getRange(bucket, object, offset + first, last - first, running, into));
      });
      return bytes;
    },
    async write(file, bytes) {
      const key = keyUnder(prefix, file);
      const partBytes = Math.max(maxRequestBytes, MIN_PART_BYTES);
      pins.delete(file);
      if (bytes.length <= partBytes) return putObject(bucket, key, bytes);
      const upload = await createUpload(bucket, key);
      const parts: Awaited<ReturnType<typeof uploadPart>>[] = [];
      try {
        await inParts(bytes.length, partBytes, async (first, last) => {
          const part = first / partBytes;
          parts[part] = await uploadPart(bucket, key, upload, part + 1, bytes.subarray(first, last));
        });
        await completeUpload(bucket, key, upload, parts, bytes.length);
      } catch (cause) {
        await abortUploads(bucket, key);
        throw cause;
      }
    },
    close: () => connection.close(),
  };
}

/** Fewest bytes of a part of an upload, but the last. */
const MIN_PART_BYTES = 5 * 2 ** 20;
