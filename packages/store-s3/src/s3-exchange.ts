// One request and its answer: the caller's signal, a timeout that every byte winds up again, errors mapped, bodies read
// with a hard limit. What is asked and what is checked of the answer is in s3-read.ts and s3-upload.ts.

import { EngramError } from "@engram-ts/core";
import type { S3Connection } from "./s3-client.js";
import { type S3Action, s3Error } from "./s3-error.js";
import type { SignedGets } from "./signed-gets.js";

/** What all requests to one bucket share. */
export interface S3Bucket extends S3Connection {
  readonly bucket: string;
  /** Longest time without a byte from the server, connecting included. */
  readonly timeoutMs: number;
  /** Ends all requests that have no signal of their own. */
  readonly signal?: AbortSignal;
  /** What errors name, where it is neither a writer nor a store. */
  readonly operation?: string;
  /** Sends ranged reads past the SDK's middleware, where the client is our own. */
  readonly gets?: SignedGets;
}

/** An exchange under way. */
export interface Exchange {
  readonly signal: AbortSignal;
  /** Winds the timeout up again. */
  touch(): void;
}

/**
 * Runs one exchange.
 * @param run sends the request with the exchange's signal and reads the answer to its end.
 * @throws EngramError of a kind that {@link s3Error} makes; `aborted` where `signal` says so.
 */
export async function exchange<Result>(
  bucket: S3Bucket,
  action: Omit<S3Action, "bucket">,
  signal: AbortSignal | undefined,
  run: (exchange: Exchange) => Promise<Result>,
): Promise<Result> {
  const controller = new AbortController();
  let timedOut = false;
  const abort = (): void => controller.abort();
  if (signal?.aborted) throw aborted(action.operation, signal);
  signal?.addEventListener("abort", abort, { once: true });
  const timer = setTimeout(() => {
    timedOut = true;
    controller.abort();
  }, bucket.timeoutMs);
  try {
    return await run({ signal: controller.signal, touch: () => timer.refresh() });
  } catch (cause) {
    if (signal?.aborted) throw aborted(action.operation, signal);
    if (timedOut) throw stalled(bucket, action);
    throw s3Error({ ...action, bucket: bucket.bucket }, cause);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

function aborted(operation: string, { reason }: AbortSignal): EngramError {
  return new EngramError({ code: "aborted", operation, message: "the request was aborted", cause: reason });
}

function stalled({ bucket, timeoutMs }: S3Bucket, { operation, request, key }: Omit<S3Action, "bucket">): EngramError {
  return new EngramError({
    code: "io",
    operation,
    message: `${request} of s3://${bucket}/${key}: no byte came for ${timeoutMs} ms; try again later, or allow more with options.timeoutMs`,
    retry: "later",
    context: { request, bucket, key, timeoutMs, reason: "timeout" },
  });
}
