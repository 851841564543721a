// Writes tables to an object store. Each version lies in a folder of its own; the manifest, put last, is what readers
// open, so they see the old version or the new one, and those that opened the old one keep it. All state is in the bucket:
// a writer that is opened again for the same plan, on any machine, goes on where the last one ended.

import {
  EngramError,
  type Manifest,
  type ManifestModule,
  serializeManifest,
  type TablePlan,
  type TableWriter,
  type WriteTablesOptions,
} from "@engram-ts/core";
import { checkSizes, publish, putModule, putTokenMap, type WriterState } from "./publication.js";
import { requestQueue } from "./request-queue.js";
import { connectS3, type S3ClientOptions } from "./s3-client.js";
import type { S3Bucket } from "./s3-exchange.js";
import { checkPlace, keyUnder } from "./s3-options.js";
import { deleteObject, listObjects } from "./s3-put.js";
import { abortUploads } from "./s3-upload.js";
import type { TableDigests } from "./table-digests.js";
import { TableUpload, type UploadScope } from "./table-upload.js";
import { cutTables, type S3CutOptions } from "./upload-cut.js";
import {
  manifestEtag,
  newProgress,
  planDigest,
  readProgress,
  removeProgress,
  type UploadProgress,
  writeProgress,
} from "./upload-progress.js";

/** How tables are written. */
export interface S3WriteOptions extends S3ClientOptions, S3CutOptions {
  /** Parts under way at once; each takes its size in memory. Default 4. */
  readonly uploads?: number;
  /** Longest time without an answer to a request. Default 60,000. */
  readonly timeoutMs?: number;
}

/** Where tables are written, and how. */
export interface S3WriterOptions extends S3WriteOptions, WriteTablesOptions {
  readonly bucket: string;
  /** Default none. */
  readonly prefix?: string;
}

/**
 * Starts or resumes the writing of tables under a prefix. Two writers at once under one prefix are not supported: the
 * second to publish is refused where the server knows conditional writes, and wins where it does not.
 * @throws EngramError `invalid-argument`, `missing-dependency`; `manifest-mismatch` where an upload of another plan is
 * under way there and `replace` is not set; `permission-denied`, `not-found` where there is no such bucket, `io`.
 */
export async function s3Writer(plan: TablePlan, options: S3WriterOptions): Promise<TableWriter> {
  const { bucket: name, prefix } = checkPlace(options.bucket, options.prefix ?? "", "s3Writer");
  const { uploads = 4, timeoutMs = 60_000, replace = false } = options;
  const cuts = cutTables(plan.tables, options);
  const connection = await connectS3(options, uploads + 4, timeoutMs);
  const controller = new AbortController();
  const abort = (): void => controller.abort(options.signal?.reason);
  if (options.signal?.aborted) abort();
  options.signal?.addEventListener("abort", abort, { once: true });
  const bucket: S3Bucket = { ...connection, bucket: name, timeoutMs, signal: controller.signal };
  try {
    const published = await manifestEtag(bucket, prefix);
    let progress = await findProgress(bucket, prefix, plan, replace);
    if (progress === undefined) {
      progress = newProgress(planDigest(plan), cuts);
      await writeProgress(bucket, prefix, progress, true);
    }
    const scope = uploadScope(bucket, prefix, progress, uploads, controller.signal);
    const found = await listObjects(bucket, `${keyUnder(prefix, progress.folder)}/`);
    const tables = new Map<number, TableUpload>();
    for (const cut of progress.cuts) {
      const table = plan.tables.get(cut.layer);
      if (table !== undefined) tables.set(cut.layer, await TableUpload.open(scope, table, cut, found));
    }
    const end = (): void => {
      options.signal?.removeEventListener("abort", abort);
      controller.abort();
      connection.close();
    };
    return writer({ bucket, prefix, plan, progress, published, tables, end });
  } catch (cause) {
    connection.close();
    throw cause;
  }
}

/** What an unfinished upload of this plan left; of another plan, nothing once it may be forgotten. */
async function findProgress(
  bucket: S3Bucket,
  prefix: string,
  plan: TablePlan,
  replace: boolean,
): Promise<UploadProgress | undefined> {
  const found = await readProgress(bucket, prefix);
  if (found === undefined || found.plan === planDigest(plan)) return found;
  if (!replace) {
    throw new EngramError({
      code: "manifest-mismatch",
      operation: "s3Writer",
      message: `an unfinished upload of other tables is at s3://${bucket.bucket}/${prefix}; finish that one, or replace it with options.replace`,
      context: { bucket: bucket.bucket, prefix },
    });
  }
  const folder = `${keyUnder(prefix, found.folder)}/`;
  await abortUploads(bucket, folder);
  for (const key of (await listObjects(bucket, folder)).keys()) await deleteObject(bucket, key);
  await removeProgress(bucket, prefix);
  return undefined;
}

function uploadScope(
  bucket: S3Bucket,
  prefix: string,
  begun: UploadProgress,
  uploads: number,
  signal: AbortSignal,
): UploadScope {
  let progress = begun;
  let writing = Promise.resolve();
  return {
    bucket,
    prefix,
    folder: progress.folder,
    queue: requestQueue(uploads),
    signal,
    uploadId: (uri) => progress.uploads[uri],
    noteUpload(uri, id) {
      progress = { ...progress, uploads: { ...progress.uploads, [uri]: id } };
      // one after the other, or an older state could overtake a newer one
      writing = writing.catch(() => {}).then(() => writeProgress(bucket, prefix, progress, false));
      return writing;
    },
  };
}

function writer(state: WriterState): TableWriter {
  const { tables, plan, bucket, prefix, progress, published } = state;
  let closed = false;
  const checkOpen = (operation: string): void => {
    if (!closed) return;
    throw new EngramError({ code: "store-closed", operation, message: "the writer is closed; open another one" });
  };
  return {
    get committed() {
      return new Map([...tables].map(([layer, table]) => [layer, table.committedRows()]));
    },
    async write(layer, firstRow, rows) {
      checkOpen("writer.write");
      const table = tables.get(layer);
      if (table !== undefined) return table.write(firstRow, rows);
      throw new EngramError({
        code: "invalid-argument",
        operation: "writer.write",
        message: `layer ${layer} is not in the plan, which has ${[...tables.keys()].join(", ")}`,
      });
    },
    async finish(digests) {
      checkOpen("writer.finish");
      const modules: ManifestModule[] = [];
      for (const [layer, table] of tables) {
        const made = await table.finish();
        checkDigest(layer, digests?.get(layer), made);
        modules.push(await putModule(state, layer, table, made));
      }
      const manifest: Manifest = { ...plan.manifest, ...(await putTokenMap(state)), modules };
      const text = serializeManifest(manifest); // refuses what no reader could open
      await checkSizes(state);
      await publish(bucket, prefix, text, published);
      await removeProgress(bucket, prefix);
      await abortUploads(bucket, `${keyUnder(prefix, progress.folder)}/`); // begun, but not noted before a kill
      return manifest;
    },
    async close() {
      if (closed) return;
      closed = true;
      // parts on their way are worth waiting for: they need not be sent again
      await Promise.all([...tables.values()].map((table) => table.sent()));
      state.end();
    },
  };
}

function checkDigest(layer: number, expected: string | undefined, { table }: TableDigests): void {
  if (expected === undefined || expected === `sha256:${table}`) return;
  throw new EngramError({
    code: "digest-mismatch",
    operation: "writer.finish",
    message: `the rows of layer ${layer} in the bucket have the digest sha256:${table}, and ${expected} was expected; nothing was published; start again with options.replace`,
    context: { layer, expected, found: `sha256:${table}` },
  });
}
