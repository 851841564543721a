// The block digests of a table, read once when it is opened.

import { createHash } from "node:crypto";
import { EngramError, type ManifestModule } from "@engram-ts/core";
import type { S3Bucket } from "./s3-exchange.js";
import { keyUnder } from "./s3-options.js";
import { getObject } from "./s3-read.js";

/**
 * Reads the digests that a manifest names; undefined where it names none.
 * @throws EngramError `digest-mismatch`, `truncated` where they are not those of the manifest; what reading fails with.
 */
export async function readBlockDigests(
  bucket: S3Bucket,
  prefix: string,
  { blocks }: ManifestModule,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const named = blocks?.digests;
  if (named === undefined) return undefined;
  const key = keyUnder(prefix, named.uri);
  const { bytes } = await getObject(bucket, key, named.bytes, "s3Store", signal);
  const found = createHash("sha256").update(bytes).digest("hex");
  if (bytes.length === named.bytes && found === named.sha256) return bytes;
  throw new EngramError({
    code: "digest-mismatch",
    operation: "s3Store",
    message: `s3://${bucket.bucket}/${key} has ${bytes.length} bytes of SHA-256 ${found}, and the manifest says ${named.bytes} and ${named.sha256}; upload it again`,
    context: { bucket: bucket.bucket, key },
  });
}
