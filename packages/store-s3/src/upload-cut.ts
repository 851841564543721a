// How tables are cut into objects, parts of uploads, and blocks: all of whole rows.

import { EngramError, type TableInfo } from "@engram-ts/core";
import type { TableCut } from "./upload-progress.js";

/** How tables are cut. */
export interface S3CutOptions {
  /** Least bytes of a part of an upload; S3 refuses less than 5 MiB. Default 16 MiB. */
  readonly partBytes?: number;
  /** About the bytes of an object, at least a part. Default 4 GiB. */
  readonly objectBytes?: number;
  /** Most bytes of a block, which is read as a whole and has a digest; at least one row. Default 16,384. */
  readonly blockBytes?: number;
}

const MAX_PARTS = 10_000;

/** @throws EngramError `invalid-argument`. */
export function cutTables(tables: ReadonlyMap<number, TableInfo>, options: S3CutOptions): readonly TableCut[] {
  const { partBytes = 16 * 2 ** 20, objectBytes = 4 * 2 ** 30, blockBytes = 16_384 } = options;
  for (const [name, value] of Object.entries({ partBytes, objectBytes, blockBytes })) {
    if (Number.isSafeInteger(value) && value >= 1 && value <= 2 ** 42) continue;
    throw new EngramError({
      code: "invalid-argument",
      operation: "s3Writer",
      message: `options.${name} is ${String(value)}; use a whole number of bytes`,
    });
  }
  return [...tables].map(([layer, { rowBytes }]) => {
    const partRows = Math.ceil(partBytes / rowBytes);
    const parts = Math.min(MAX_PARTS, Math.max(1, Math.floor(objectBytes / (partRows * rowBytes))));
    return { layer, partRows, objectRows: parts * partRows, blockRows: Math.max(1, Math.floor(blockBytes / rowBytes)) };
  });
}
