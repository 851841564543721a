// The one object that remembers an upload between its beginning and its end, so that any machine can go on with it:
// which plan it is for, how tables are cut into objects and parts, and the ids of multipart uploads. What was uploaded
// is asked of the bucket itself. Only objects and parts of a fixed size: what was committed is a number of rows.

import { createHash, randomBytes } from "node:crypto";
import { EngramError, isEngramError, MANIFEST_NAME, type TablePlan } from "@engram-ts/core";
import type { S3Bucket } from "./s3-exchange.js";
import { keyUnder } from "./s3-options.js";
import { deleteObject, putObject } from "./s3-put.js";
import { getObject } from "./s3-read.js";

/** Where it lies in its prefix. */
const PROGRESS_NAME = "engram-upload.json";
const MAX_BYTES = 2 ** 24;

/** How one table is cut. */
export interface TableCut {
  readonly layer: number;
  /** Rows of each part of an upload, but for the last of an object. */
  readonly partRows: number;
  /** Rows of each object but the last: a multiple of `partRows`. */
  readonly objectRows: number;
  /** Rows of each block that has a digest. */
  readonly blockRows: number;
}

/** An upload under way. */
export interface UploadProgress {
  /** Digest of the plan. */
  readonly plan: string;
  /** The folder of this version's objects, relative to the manifest. */
  readonly folder: string;
  readonly cuts: readonly TableCut[];
  /** Ids of multipart uploads, by the object's relative URI. */
  readonly uploads: Readonly<Record<string, string>>;
}

/** What tells one plan from another. */
export function planDigest({ manifest, tables }: TablePlan): string {
  const list = [...tables].sort(([a], [b]) => a - b).map(([layer, table]) => ({ layer, ...table }));
  return createHash("sha256")
    .update(JSON.stringify(sorted({ manifest, tables: list })))
    .digest("hex");
}

/** The same value with all fields in one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, field]) => [name, sorted(field)]));
}

/** A new upload, in a folder that no other version has. */
export function newProgress(plan: string, cuts: readonly TableCut[]): UploadProgress {
  return { plan, folder: `v-${randomBytes(8).toString("hex")}`, cuts, uploads: {} };
}

/**
 * Reads what an upload left; undefined where there is none.
 * @throws EngramError `invalid-manifest` where it cannot be understood.
 */
export async function readProgress(bucket: S3Bucket, prefix: string): Promise<UploadProgress | undefined> {
  const key = keyUnder(prefix, PROGRESS_NAME);
  let text: string;
  try {
    text = new TextDecoder().decode((await getObject(bucket, key, MAX_BYTES, "s3Writer")).bytes);
  } catch (cause) {
    if (isEngramError(cause, "not-found")) return undefined;
    throw cause;
  }
  const found = parsed(text);
  if (isProgress(found)) return found;
  throw new EngramError({
    code: "invalid-manifest",
    operation: "s3Writer",
    message: `s3://${bucket.bucket}/${key} is not what an upload leaves; remove it, or write elsewhere`,
    context: { bucket: bucket.bucket, key },
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

function isProgress(value: unknown): value is UploadProgress {
  const { plan, folder, cuts, uploads } = (value ?? {}) as Record<string, unknown>;
  const rows = (count: unknown): boolean => typeof count === "number" && Number.isSafeInteger(count) && count >= 1;
  return (
    typeof plan === "string" &&
    typeof folder === "string" &&
    /^v-[0-9a-f]{16}$/.test(folder) &&
    Array.isArray(cuts) &&
    cuts.every(
      (cut: Record<string, unknown> | null) =>
        typeof cut === "object" &&
        Number.isSafeInteger(cut?.layer) &&
        [cut?.partRows, cut?.objectRows, cut?.blockRows].every(rows) &&
        Number(cut?.objectRows) % Number(cut?.partRows) === 0,
    ) &&
    typeof uploads === "object" &&
    uploads !== null &&
    Object.values(uploads).every((id) => typeof id === "string" && id.length <= 2_048)
  );
}

/** Writes what is to be remembered. The first time, another upload that began meanwhile is `manifest-mismatch`. */
export async function writeProgress(
  bucket: S3Bucket,
  prefix: string,
  progress: UploadProgress,
  first: boolean,
): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(progress)}\n`);
  try {
    await putObject(bucket, keyUnder(prefix, PROGRESS_NAME), bytes, first ? { etag: undefined } : undefined);
  } catch (cause) {
    if (!first || !isEngramError(cause, "manifest-mismatch")) throw cause;
    throw new EngramError({
      code: "manifest-mismatch",
      operation: "s3Writer",
      message: `another upload began at s3://${bucket.bucket}/${prefix} at the same time; only one can be under way there`,
      context: { bucket: bucket.bucket, prefix },
      cause,
    });
  }
}

/** Forgets the upload. */
export async function removeProgress(bucket: S3Bucket, prefix: string): Promise<void> {
  await deleteObject(bucket, keyUnder(prefix, PROGRESS_NAME));
}

/** The manifest's ETag, where there is a manifest. */
export async function manifestEtag(bucket: S3Bucket, prefix: string): Promise<string | undefined> {
  try {
    return (await getObject(bucket, keyUnder(prefix, MANIFEST_NAME), 2 ** 28, "s3Writer")).etag;
  } catch (cause) {
    if (isEngramError(cause, "not-found")) return undefined;
    throw cause;
  }
}
