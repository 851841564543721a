// Where a checkpoint lies, as the command line names it: a folder, or s3://bucket/prefix. Not here: reading it.

import type { CheckpointStorage } from "@engram-ts/core";

/** A place for a checkpoint, to be closed. */
export interface CheckpointPlace {
  readonly storage: CheckpointStorage;
  /** The URI of tables that lie beside it. */
  readonly tablesUri: string;
  close(): void;
}

/**
 * Opens a place; nothing is read yet.
 * @throws EngramError `invalid-argument`, `missing-dependency`.
 */
export async function checkpointPlace(place: string, signal?: AbortSignal): Promise<CheckpointPlace> {
  const object = /^s3:\/\/([^/]+)\/?(.*)$/.exec(place);
  if (object === null) {
    const { directoryStorage } = await import("@engram-ts/store-file");
    const folder = place.replace(/^file:/, "");
    return { storage: directoryStorage(folder), tablesUri: `file:${folder}`, close: () => {} };
  }
  const [, bucket = "", prefix = ""] = object;
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
  const { s3Storage } = await import("@engram-ts/store-s3");
  const storage = await s3Storage({ bucket, ...(prefix !== "" && { prefix }), ...(signal && { signal }) });
  return { storage, tablesUri: place, close: () => storage.close() };
}
