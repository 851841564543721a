// What makes uploaded tables a version that readers can open: block digests, token map, and last the manifest.

import { createHash } from "node:crypto";
import {
  EngramError,
  isEngramError,
  MANIFEST_NAME,
  type Manifest,
  type ManifestModule,
  type TablePlan,
} from "@engram-ts/core";
import type { S3Bucket } from "./s3-exchange.js";
import { keyUnder } from "./s3-options.js";
import { putObject } from "./s3-put.js";
import { headObject } from "./s3-read.js";
import type { TableDigests } from "./table-digests.js";
import type { TableUpload } from "./table-upload.js";
import type { UploadProgress } from "./upload-progress.js";

/** What a writer publishes, and where. */
export interface WriterState {
  readonly bucket: S3Bucket;
  readonly prefix: string;
  readonly plan: TablePlan;
  readonly progress: UploadProgress;
  /** The ETag of the manifest that this one is to replace. */
  readonly published: string | undefined;
  readonly tables: ReadonlyMap<number, TableUpload>;
  end(): void;
}

/** Puts a table's block digests, and describes the table. */
export async function putModule(
  { bucket, prefix, progress }: WriterState,
  layer: number,
  { table, objects }: TableUpload,
  digests: TableDigests,
): Promise<ManifestModule> {
  const { rows, rowBytes, encoding } = table;
  const uri = `${progress.folder}/layer-${layer}/blocks.sha256`;
  const { blocks } = digests;
  await putObject(bucket, keyUnder(prefix, uri), blocks);
  const sha256 = createHash("sha256").update(blocks).digest("hex");
  const cut = progress.cuts.find((one) => one.layer === layer);
  return {
    layer,
    rows,
    encoding,
    digest: `sha256:${digests.table}`,
    ...(cut === undefined ? {} : { blocks: { rows: cut.blockRows, digests: { uri, bytes: blocks.length, sha256 } } }),
    parts: objects.map((object, i) => {
      const bytes = object.rows * rowBytes;
      const digest = digests.objects[i];
      const about = digest === undefined ? { uri: object.uri, bytes } : { uri: object.uri, bytes, sha256: digest };
      return { firstRow: object.firstRow, rows: object.rows, data: { ...about, offset: 0, stride: rowBytes } };
    }),
  };
}

/** Puts the token map beside the tables, where the plan has one. */
export async function putTokenMap({
  bucket,
  prefix,
  plan,
  progress,
}: WriterState): Promise<Pick<Manifest, "tokenMap">> {
  const named = plan.manifest.tokenMap;
  if (named === undefined || plan.tokenMap === undefined) return {};
  const file = `${progress.folder}/${named.file}`;
  await putObject(bucket, keyUnder(prefix, file), plan.tokenMap);
  return { tokenMap: { ...named, file } };
}

/** What was uploaded is asked for once more before anybody is told of it. */
export async function checkSizes({ bucket, prefix, tables }: WriterState): Promise<void> {
  for (const { table, objects } of tables.values()) {
    for (const { uri, rows } of objects) {
      const { bytes } = await headObject(bucket, keyUnder(prefix, uri), "writer.finish");
      if (bytes === rows * table.rowBytes) continue;
      throw new EngramError({
        code: "truncated",
        operation: "writer.finish",
        message: `s3://${bucket.bucket}/${keyUnder(prefix, uri)} has ${bytes} bytes, and ${rows * table.rowBytes} were uploaded; start again with options.replace`,
      });
    }
  }
}

/** Puts the manifest in the place of the one that was there when the writer was opened. */
export async function publish(
  bucket: S3Bucket,
  prefix: string,
  text: string,
  published: string | undefined,
): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  try {
    await putObject(bucket, keyUnder(prefix, MANIFEST_NAME), bytes, { etag: published });
  } catch (cause) {
    if (!isEngramError(cause, "manifest-mismatch")) throw cause;
    throw new EngramError({
      code: "manifest-mismatch",
      operation: "writer.finish",
      message: `another writer published tables at s3://${bucket.bucket}/${prefix} meanwhile; open the writer again to replace those`,
      context: { bucket: bucket.bucket, prefix },
      cause,
    });
  }
}
