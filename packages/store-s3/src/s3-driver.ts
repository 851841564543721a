// The scheme `s3:`: tables at `s3://bucket/prefix`, opened by the manifest that lies there, and written. A URI holds a
// place and nothing else: region, endpoint and credentials come from the SDK's own chain, or from the driver's options.

import {
  EngramError,
  isEngramError,
  MANIFEST_NAME,
  MAX_MANIFEST_LENGTH,
  type Manifest,
  type OpenedTables,
  type OpenTablesOptions,
  parseManifest,
  type RowStore,
  type TableDriver,
} from "@engram-ts/core";
import { requestQueue } from "./request-queue.js";
import { connectS3 } from "./s3-client.js";
import type { S3Bucket } from "./s3-exchange.js";
import { checkPlace, checkReadOptions, keyUnder, type S3ReadOptions } from "./s3-options.js";
import { getObject } from "./s3-read.js";
import { openModule } from "./s3-store.js";
import { type S3WriteOptions, s3Writer } from "./s3-writer.js";
import { signedGets } from "./signed-gets.js";

/** How tables are read and written. */
export interface S3DriverOptions extends S3ReadOptions {
  /** What differs for writing. */
  readonly write?: Omit<S3WriteOptions, "client" | "clientConfig">;
}

/**
 * The driver of `s3://bucket/prefix`.
 * @example const { tables } = await s3Driver().open("s3://models/engram-27b");
 */
export function s3Driver(options: S3DriverOptions = {}): TableDriver {
  checkReadOptions(options, "s3Driver");
  const { client, clientConfig } = options;
  const access = {
    ...(client === undefined ? {} : { client }),
    ...(clientConfig === undefined ? {} : { clientConfig }),
  };
  return {
    scheme: "s3",
    open: (uri, openOptions) => openTables(uri, options, openOptions ?? {}),
    write: (uri, plan, writeOptions) =>
      s3Writer(plan, { ...options.write, ...access, ...writeOptions, ...parseS3Uri(uri) }),
  };
}

/**
 * Takes `s3://bucket/prefix` apart.
 * @throws EngramError `invalid-argument`; the URI is not repeated there, as people put secrets into URIs.
 */
function parseS3Uri(uri: string): { readonly bucket: string; readonly prefix: string } {
  const match = /^s3:\/\/([^/?#@:]+)(?:\/([^?#@]*))?$/.exec(uri);
  const [, bucket, prefix = ""] = match ?? [];
  if (bucket !== undefined) return checkPlace(bucket, prefix, "s3Driver");
  throw new EngramError({
    code: "invalid-argument",
    operation: "s3Driver",
    message:
      "the URI is not s3://bucket/prefix; it holds no credentials, port, query or fragment: these come from the SDK's chain or the driver's options",
  });
}

async function openTables(uri: string, options: S3DriverOptions, open: OpenTablesOptions): Promise<OpenedTables> {
  const { bucket: name, prefix } = parseS3Uri(uri);
  const checked = checkReadOptions(options, "s3Driver");
  const sockets = checked.concurrency * (checked.hedgeAfterMs === undefined ? 1 : 2);
  const connection = await connectS3(options, sockets, checked.timeoutMs);
  const gets = connection.own ? { gets: signedGets(connection, name) } : {};
  const bucket: S3Bucket = { ...connection, bucket: name, timeoutMs: checked.timeoutMs, ...gets };
  try {
    const manifest = await readManifest(bucket, prefix, open.signal);
    const wanted = wantedModules(manifest, open.layers, uri);
    let stores = wanted.length;
    // the last of the tables to close ends the connection
    const shared: S3Bucket = {
      ...bucket,
      close() {
        if (--stores === 0) connection.close();
      },
    };
    const place = { bucket: shared, prefix, queue: requestQueue(checked.concurrency), options: checked };
    const opened = await Promise.all(wanted.map((module) => openModule(place, module, open.signal)));
    const tables = new Map<number, RowStore>(wanted.map(({ layer }, i) => [layer, opened[i] as RowStore]));
    const { tokenMap } = manifest;
    return {
      manifest,
      tables,
      ...(tokenMap === undefined
        ? {}
        : {
            async tokenMap() {
              const key = keyUnder(prefix, tokenMap.file);
              return (await getObject(bucket, key, tokenMap.bytes, "openTables")).bytes;
            },
          }),
      async close() {
        await Promise.all(opened.map((store) => store.close()));
      },
    };
  } catch (cause) {
    connection.close();
    throw cause;
  }
}

async function readManifest(bucket: S3Bucket, prefix: string, signal: AbortSignal | undefined): Promise<Manifest> {
  const key = keyUnder(prefix, MANIFEST_NAME);
  try {
    const { bytes } = await getObject(bucket, key, MAX_MANIFEST_LENGTH, "openTables", signal);
    return parseManifest(new TextDecoder().decode(bytes));
  } catch (cause) {
    if (!isEngramError(cause, "not-found")) throw cause;
    throw new EngramError({
      code: "not-found",
      operation: "openTables",
      message: `there is no s3://${bucket.bucket}/${key}; are bucket and prefix right, and was the upload finished?`,
      context: { bucket: bucket.bucket, key },
      cause,
    });
  }
}

function wantedModules({ modules }: Manifest, layers: readonly number[] | undefined, uri: string) {
  if (layers === undefined) return modules;
  return layers.map((layer) => {
    const module = modules.find((one) => one.layer === layer);
    if (module !== undefined) return module;
    throw new EngramError({
      code: "not-found",
      operation: "openTables",
      message: `${uri} has no table of layer ${layer}, but of ${modules.map((one) => one.layer).join(", ")}`,
      context: { layer },
    });
  });
}
