// Writing objects: small ones at once, large ones part by part. Requests that may be made again are, a few times, since
// no wrapper does that for writers; each part goes with its MD5, so that what arrives is what was sent.

import { createHash } from "node:crypto";
import { EngramError, isEngramError } from "@engram-ts/core";
import { exchange, type S3Bucket } from "./s3-exchange.js";
import { headObject } from "./s3-read.js";

const OPERATION = "s3Writer";
const ATTEMPTS = 5;
const BASE_MS = 100;

/** What must hold of an object for a put to take effect. */
export interface PutCondition {
  /** The ETag that it must have; undefined where there must be none. */
  readonly etag: string | undefined;
}

/** A part that is in the bucket. */
export interface UploadedPart {
  readonly number: number;
  readonly etag: string;
  readonly bytes: number;
}

/** Puts an object. */
export async function putObject(
  bucket: S3Bucket,
  key: string,
  bytes: Uint8Array,
  condition?: PutCondition,
): Promise<void> {
  const conditions =
    condition === undefined ? {} : condition.etag === undefined ? { IfNoneMatch: "*" } : { IfMatch: condition.etag };
  const put = (fields: object): Promise<unknown> =>
    send(bucket, "PutObject", key, (signal) =>
      bucket.client.send(
        new bucket.sdk.PutObjectCommand({
          Bucket: bucket.bucket,
          Key: key,
          Body: bytes,
          ContentLength: bytes.length,
          ContentMD5: md5(bytes),
          ...fields,
        }),
        { abortSignal: signal },
      ),
    );
  try {
    // a conditional put is not made again: its first attempt may have taken effect, and would then refuse the second
    await (condition === undefined ? again(() => put({})) : put(conditions));
  } catch (cause) {
    if (condition === undefined || !isEngramError(cause) || cause.context.status !== 501) throw cause;
    await again(() => put({})); // a server without conditional writes: the last writer wins
  }
}

/** Removes an object, if it is there. */
export async function deleteObject(bucket: S3Bucket, key: string): Promise<void> {
  await again(() =>
    send(bucket, "DeleteObject", key, (abortSignal) =>
      bucket.client.send(new bucket.sdk.DeleteObjectCommand({ Bucket: bucket.bucket, Key: key }), { abortSignal }),
    ),
  );
}

/** Keys and sizes below a prefix. */
export async function listObjects(bucket: S3Bucket, prefix: string): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (let token: string | undefined, more = true; more; ) {
    const page = await again(() =>
      send(bucket, "ListObjectsV2", prefix, (abortSignal) =>
        bucket.client.send(
          new bucket.sdk.ListObjectsV2Command({
            Bucket: bucket.bucket,
            Prefix: prefix,
            ...(token === undefined ? {} : { ContinuationToken: token }),
          }),
          { abortSignal },
        ),
      ),
    );
    for (const { Key, Size } of page.Contents ?? []) if (Key !== undefined) found.set(Key, Size ?? -1);
    token = page.NextContinuationToken;
    more = page.IsTruncated === true && token !== undefined;
  }
  return found;
}

/** Begins an upload; gives its id. */
export async function createUpload(bucket: S3Bucket, key: string): Promise<string> {
  const { UploadId } = await again(() =>
    send(bucket, "CreateMultipartUpload", key, (abortSignal) =>
      bucket.client.send(
        new bucket.sdk.CreateMultipartUploadCommand({
          Bucket: bucket.bucket,
          Key: key,
          ContentType: "application/octet-stream",
        }),
        { abortSignal },
      ),
    ),
  );
  if (UploadId !== undefined) return UploadId;
  throw badAnswer("CreateMultipartUpload", bucket, key, "no upload id");
}

/** Uploads one part, numbered from 1; a part of the same number is replaced. */
export async function uploadPart(
  bucket: S3Bucket,
  key: string,
  uploadId: string,
  number: number,
  bytes: Uint8Array,
): Promise<UploadedPart> {
  const digest = md5(bytes);
  const { ETag } = await again(() =>
    send(bucket, "UploadPart", key, (abortSignal) =>
      bucket.client.send(
        new bucket.sdk.UploadPartCommand({
          Bucket: bucket.bucket,
          Key: key,
          UploadId: uploadId,
          PartNumber: number,
          Body: bytes,
          ContentLength: bytes.length,
          ContentMD5: digest,
        }),
        { abortSignal },
      ),
    ),
  );
  if (ETag !== undefined) return { number, etag: ETag, bytes: bytes.length };
  throw badAnswer("UploadPart", bucket, key, "no ETag");
}

/** The parts of an upload that are in the bucket, by number; undefined where there is no such upload any more. */
export async function listParts(
  bucket: S3Bucket,
  key: string,
  uploadId: string,
): Promise<readonly UploadedPart[] | undefined> {
  const parts: UploadedPart[] = [];
  try {
    for (let marker: string | undefined, more = true; more; ) {
      const page = await again(() =>
        send(bucket, "ListParts", key, (abortSignal) =>
          bucket.client.send(
            new bucket.sdk.ListPartsCommand({
              Bucket: bucket.bucket,
              Key: key,
              UploadId: uploadId,
              ...(marker === undefined ? {} : { PartNumberMarker: marker }),
            }),
            { abortSignal },
          ),
        ),
      );
      for (const { PartNumber, ETag, Size } of page.Parts ?? []) {
        if (PartNumber !== undefined && ETag !== undefined && Size !== undefined) {
          parts.push({ number: PartNumber, etag: ETag, bytes: Size });
        }
      }
      marker = page.NextPartNumberMarker;
      more = page.IsTruncated === true && marker !== undefined;
    }
  } catch (cause) {
    if (isEngramError(cause, "not-found")) return undefined;
    throw cause;
  }
  return parts.sort((a, b) => a.number - b.number);
}

/** Makes an upload's parts an object of `bytes` bytes. Made again, also after a kill, it does nothing. */
export async function completeUpload(
  bucket: S3Bucket,
  key: string,
  uploadId: string,
  parts: readonly UploadedPart[],
  bytes: number,
): Promise<void> {
  const complete = (): Promise<unknown> =>
    send(bucket, "CompleteMultipartUpload", key, (abortSignal) =>
      bucket.client.send(
        new bucket.sdk.CompleteMultipartUploadCommand({
          Bucket: bucket.bucket,
          Key: key,
          UploadId: uploadId,
          MultipartUpload: { Parts: parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag })) },
        }),
        { abortSignal },
      ),
    );
  await again(async () => {
    try {
      await complete();
    } catch (cause) {
      // the answer may have been lost, and not the request
      const found = await headObject(bucket, key, OPERATION).catch(() => undefined);
      if (found?.bytes !== bytes) throw cause;
    }
  });
}

/** Forgets the uploads below a prefix that are not complete. Servers that cannot list them keep them. */
export async function abortUploads(bucket: S3Bucket, prefix: string): Promise<void> {
  const page = await send(bucket, "ListMultipartUploads", prefix, (abortSignal) =>
    bucket.client.send(new bucket.sdk.ListMultipartUploadsCommand({ Bucket: bucket.bucket, Prefix: prefix }), {
      abortSignal,
    }),
  ).catch(() => undefined);
  for (const { Key, UploadId } of page?.Uploads ?? []) {
    if (Key === undefined || UploadId === undefined || !Key.startsWith(prefix)) continue;
    await send(bucket, "AbortMultipartUpload", Key, (abortSignal) =>
      bucket.client.send(new bucket.sdk.AbortMultipartUploadCommand({ Bucket: bucket.bucket, Key, UploadId }), {
        abortSignal,
      }),
    ).catch(() => {}); // another one has done it
  }
}

function md5(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("base64");
}

function send<Result>(
  bucket: S3Bucket,
  request: string,
  key: string,
  run: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  return exchange(bucket, { operation: OPERATION, request, key }, bucket.signal, ({ signal }) => run(signal));
}

/** Makes a request again while it fails with `retry: "later"`, at random times of a growing range. */
async function again<Result>(run: () => Promise<Result>): Promise<Result> {
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

function badAnswer(request: string, { bucket }: S3Bucket, key: string, what: string): EngramError {
  return new EngramError({
    code: "io",
    operation: OPERATION,
    message: `${request} of s3://${bucket}/${key}: the answer has ${what}; is this an S3 server?`,
    context: { request, bucket, key },
  });
}
