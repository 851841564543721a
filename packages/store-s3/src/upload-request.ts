// The requests of a writer: sent under its signal, and made again where that can help, since no wrapper retries writers.

import { createHash } from "node:crypto";
import { EngramError, isEngramError } from "@engram-ts/core";
import { exchange, type S3Bucket } from "./s3-exchange.js";

const OPERATION = "s3Writer";
const ATTEMPTS = 5;
const BASE_MS = 100;

/** A body's MD5, as `Content-MD5` has it. */
export function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("base64");
}

/** Sends a request of a writer. */
export function send<Result>(
  bucket: S3Bucket,
  request: string,
  key: string,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  return exchange(bucket, { operation: bucket.operation ?? OPERATION, request, key }, bucket.signal, ({ signal }) =>
    run(signal),
  );
}

/** Makes a request again while it fails with `retry: "later"`, at random times of a growing range. */
export async function again<Result>(run: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (cause) {
      if (attempt === ATTEMPTS || !isEngramError(cause) || cause.retry !== "later") throw cause;
      const waitMs = Math.random() * BASE_MS * 2 ** (attempt - 1);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

/** The error for an answer that lacks what it must have. */
export function badAnswer(request: string, { bucket }: S3Bucket, key: string, what: string): EngramError {
  return new EngramError({
    code: "io",
    operation: OPERATION,
    message: `${request} of s3://${bucket}/${key}: the answer has ${what}; is this an S3 server?`,
    context: { request, bucket, key },
  });
}
