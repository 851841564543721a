// Reading objects: whole small ones, what an object is (size and ETag, its pin), and ranges of a pinned object. Every
// answer is checked against the pin, also from servers that do not look at If-Match: status, Content-Range, total size,
// length and ETag. A range of another version is an error and never a row.

import { EngramError } from "@engram-ts/core";
import { readBody, wrongLength } from "./read-body.js";
import type { S3Action } from "./s3-error.js";
import { type Exchange, exchange, type S3Bucket } from "./s3-exchange.js";
import type { RangeAnswer } from "./signed-gets.js";

/** An object as it was when it was opened. */
export interface PinnedObject {
  readonly key: string;
  readonly bytes: number;
  /** With its quotes. */
  readonly etag: string;
}

/** Asks what an object is. */
export async function headObject(
  bucket: S3Bucket,
  key: string,
  operation: string,
  signal?: AbortSignal,
): Promise<PinnedObject> {
  const action = { operation, request: "HeadObject", key };
  return exchange(bucket, action, signal, async ({ signal: abortSignal }) => {
    const command = new bucket.sdk.HeadObjectCommand({ Bucket: bucket.bucket, Key: key });
    const { ContentLength, ETag } = await bucket.client.send(command, { abortSignal });
    return pinned({ ...action, bucket: bucket.bucket }, ContentLength, ETag);
  });
}

/**
 * Reads a whole object.
 * @throws EngramError `truncated` where it has more than `most` bytes.
 */
export async function getObject(
  bucket: S3Bucket,
  key: string,
  most: number,
  operation: string,
  signal?: AbortSignal,
): Promise<{ readonly bytes: Uint8Array; readonly etag: string }> {
  const action = { operation, request: "GetObject", key };
  return exchange(bucket, action, signal, async (running) => {
    const command = new bucket.sdk.GetObjectCommand({ Bucket: bucket.bucket, Key: key });
    const output = await bucket.client.send(command, { abortSignal: running.signal });
    running.touch();
    const full = { ...action, bucket: bucket.bucket };
    const { bytes, etag } = pinned(full, output.ContentLength, output.ETag);
    if (bytes > most) {
      dispose(output.Body);
      throw wrongLength(full, bytes, most);
    }
    return { bytes: await readBody(output.Body, new Uint8Array(bytes), full, running), etag };
  });
}

/**
 * Reads `length` bytes of a pinned object from `first` on.
 * @param into takes the bytes; where reading fails, what it holds is of no use.
 * @throws EngramError `manifest-mismatch` where the object is not the pinned one any more, `truncated`, `io`, ...
 */
export async function getRange(
  bucket: S3Bucket,
  object: PinnedObject,
  first: number,
  length: number,
  signal: AbortSignal,
  into?: Uint8Array,
): Promise<Uint8Array> {
  const action = { operation: bucket.operation ?? "store.prefetch", request: "GetObject", key: object.key };
  const full: S3Action = { ...action, bucket: bucket.bucket };
  return exchange(bucket, action, signal, async (running: Exchange) => {
    const answer = await askRange(bucket, object, first, length, running.signal);
    running.touch();
    const { contentRange, contentLength, etag, body } = answer;
    try {
      checkVersion(full, object, etag, contentRange);
      checkRange(full, object, first, length, contentRange);
      if (contentLength !== undefined && contentLength !== length) throw wrongLength(full, contentLength, length);
    } catch (cause) {
      dispose(body);
      throw cause;
    }
    return readBody(body, into ?? new Uint8Array(Buffer.allocUnsafeSlow(length).buffer), full, running);
  });
}

async function askRange(
  { bucket, client, sdk, gets }: S3Bucket,
  { key, etag }: PinnedObject,
  first: number,
  length: number,
  signal: AbortSignal,
): Promise<RangeAnswer> {
  const range = `bytes=${first}-${first + length - 1}`;
  const strong = etag.startsWith('"'); // a weak ETag never matches; it is compared with the answer's all the same
  if (gets !== undefined) return gets.get(key, strong ? { range, "if-match": etag } : { range }, signal);
  const match = strong ? { IfMatch: etag } : {};
  const command = new sdk.GetObjectCommand({ Bucket: bucket, Key: key, Range: range, ...match });
  const { ETag, ContentRange, ContentLength, Body } = await client.send(command, { abortSignal: signal });
  return { etag: ETag, contentRange: ContentRange, contentLength: ContentLength, body: Body };
}

function dispose(body: unknown): void {
  (body as { destroy?: () => void } | undefined)?.destroy?.(); // a Readable in Node
}

function checkVersion(
  action: S3Action,
  object: PinnedObject,
  etag: string | undefined,
  range: string | undefined,
): void {
  const total = /\/(\d+)$/.exec(range ?? "")?.[1];
  if (etag === object.etag && (total === undefined || Number(total) === object.bytes)) return;
  const { operation, bucket, key } = action;
  throw new EngramError({
    code: "manifest-mismatch",
    operation,
    message: `s3://${bucket}/${key}: the object was replaced under its reader: it had ${object.bytes} bytes and ETag ${object.etag}, and now has ${total ?? "some"} and ${shown(etag)}; open it again to read the new one`,
    context: { bucket, key, reason: "replaced" },
  });
}

function checkRange(
  action: S3Action,
  { bytes }: PinnedObject,
  first: number,
  length: number,
  found: string | undefined,
): void {
  if (found === `bytes ${first}-${first + length - 1}/${bytes}`) return;
  if (found === undefined && first === 0 && length === bytes) return; // a whole object may come as one
  const { operation, request, bucket, key } = action;
  throw new EngramError({
    code: "truncated",
    operation,
    message: `${request} of s3://${bucket}/${key}: bytes ${first} to ${first + length - 1} of ${bytes} were asked for, and the answer says ${shown(found)}; does the server know ranges?`,
    retry: found === undefined ? "never" : "later",
    context: { bucket, key, first, length },
  });
}

function pinned(action: S3Action, bytes: number | undefined, etag: string | undefined): PinnedObject {
  const { operation, request, bucket, key } = action;
  const known = typeof bytes === "number" && Number.isSafeInteger(bytes) && bytes >= 0;
  if (known && etag !== undefined && etag.length <= 200) return { key, bytes, etag };
  throw new EngramError({
    code: "io",
    operation,
    message: `${request} of s3://${bucket}/${key}: the answer has ${known ? "no ETag" : "no length"}; is this an S3 server?`,
    context: { bucket, key },
  });
}

function shown(text: string | undefined): string {
  return text === undefined ? "nothing" : JSON.stringify(text.slice(0, 80));
}
