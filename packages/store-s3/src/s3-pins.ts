// What a table's objects are when it is opened: there, of the size that the manifest says, and of the version that every
// later answer must be of.

import { setMaxListeners } from "node:events";
import { EngramError, type LocatedObject } from "@engram-ts/core";
import { requestQueue } from "./request-queue.js";
import type { S3Bucket } from "./s3-exchange.js";
import { keyUnder } from "./s3-options.js";
import { headObject, type PinnedObject } from "./s3-read.js";

/** Objects asked about at once. */
const AT_ONCE = 32;

/**
 * Pins objects, in their order.
 * @throws EngramError `not-found`; `manifest-mismatch` where a size is not the manifest's; what else asking fails with.
 */
export async function pinObjects(
  bucket: S3Bucket,
  prefix: string,
  objects: readonly LocatedObject[],
  signal: AbortSignal | undefined,
): Promise<readonly PinnedObject[]> {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal); // one for each object
  const abort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  const queue = requestQueue(AT_ONCE);
  const pins: PinnedObject[] = [];
  try {
    await Promise.all(
      objects.map(({ uri, bytes }, i) => {
        const pin = async (): Promise<void> => {
          pins[i] = await pinObject(bucket, keyUnder(prefix, uri), bytes, controller.signal);
        };
        return queue.add(0, controller.signal, pin).done;
      }),
    );
    return pins;
  } finally {
    controller.abort(); // after a failure the others are of no use
    signal?.removeEventListener("abort", abort);
  }
}

async function pinObject(bucket: S3Bucket, key: string, bytes: number, signal: AbortSignal): Promise<PinnedObject> {
  const pin = await headObject(bucket, key, "s3Store", signal);
  if (pin.bytes === bytes) return pin;
  throw new EngramError({
    code: "manifest-mismatch",
    operation: "s3Store",
    message: `s3://${bucket.bucket}/${key} has ${pin.bytes} bytes, and the manifest says ${bytes}; was it replaced, or not copied whole?`,
    context: { bucket: bucket.bucket, key, expected: bytes, found: pin.bytes },
  });
}
