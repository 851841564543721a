// What lies in the fake S3: buckets of objects, and multipart uploads that are not complete. No HTTP here.

import { createHash, randomBytes } from "node:crypto";

/** An object. */
export interface S3Object {
  readonly bytes: Buffer;
  /** With its quotes. */
  readonly etag: string;
  readonly modified: Date;
}

/** An upload under way. */
export interface S3Upload {
  readonly id: string;
  readonly key: string;
  readonly initiated: Date;
  readonly parts: Map<number, S3Object>;
}

/** A bucket. */
export interface S3Bucket {
  readonly objects: Map<string, S3Object>;
  readonly uploads: Map<string, S3Upload>;
}

/** An object of these bytes; its ETag is their MD5, as in S3. */
export function s3Object(bytes: Buffer): S3Object {
  return { bytes, etag: `"${createHash("md5").update(bytes).digest("hex")}"`, modified: new Date() };
}

/** A new upload. */
export function s3Upload(key: string): S3Upload {
  return { id: randomBytes(12).toString("hex"), key, initiated: new Date(), parts: new Map() };
}

/** What parts come to once complete; its ETag is the MD5 of theirs and their number, as in S3. */
export function joinedObject(parts: readonly S3Object[]): S3Object {
  const digests = createHash("md5");
  for (const { etag } of parts) digests.update(Buffer.from(etag.slice(1, -1), "hex"));
  const bytes = Buffer.concat(parts.map((part) => part.bytes));
  return { bytes, etag: `"${digests.digest("hex")}-${parts.length}"`, modified: new Date() };
}
