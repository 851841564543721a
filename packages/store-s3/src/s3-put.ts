// Small objects of a writer: put, also on a condition, listed and removed.

import { isEngramError } from "@engram-ts/core";
import type { S3Bucket } from "./s3-exchange.js";
import { again, md5, send } from "./upload-request.js";

/** What must hold of an object for a put to take effect. */
export interface PutCondition {
  /** The ETag that it must have; undefined where there must be none. */
  readonly etag: string | undefined;
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
