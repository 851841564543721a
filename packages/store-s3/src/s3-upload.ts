// Multipart uploads: each part goes with its MD5, so that what arrives is what was sent.

import { isEngramError } from "@engram-ts/core";
import type { S3Bucket } from "./s3-exchange.js";
import { headObject } from "./s3-read.js";
import { again, badAnswer, md5, send } from "./upload-request.js";

/** A part that is in the bucket. */
export interface UploadedPart {
  readonly number: number;
  readonly etag: string;
  readonly bytes: number;
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
      const found = await headObject(bucket, key, "s3Writer").catch(() => undefined);
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
