// A table of deterministic rows in an object store, with block digests, for the benchmark and the fault campaign.

import { createHash } from "node:crypto";
import type { ManifestModule, ManifestPart, TableInfo } from "@engram-ts/core";
import { fillRows } from "@engram-ts/store-kit";

/** Where and how the table is put. */
export interface S3TableOptions {
  readonly seed: number;
  /** Rows of each object. */
  readonly partRows: number;
  /** Rows of each block that has a digest. */
  readonly blockRows: number;
  /** Puts an object. */
  put(uri: string, bytes: Uint8Array): void | Promise<void>;
}

/** Puts the table's objects, and describes them. */
export async function putS3Table(
  table: TableInfo,
  { seed, partRows, blockRows, put }: S3TableOptions,
): Promise<ManifestModule> {
  const { rows, rowBytes, encoding } = table;
  if (partRows % blockRows !== 0) throw new Error("objects must hold whole blocks");
  const digests = new Uint8Array(Math.ceil(rows / blockRows) * 32);
  const parts: ManifestPart[] = [];
  for (let firstRow = 0; firstRow < rows; firstRow += partRows) {
    const count = Math.min(partRows, rows - firstRow);
    const bytes = new Uint8Array(count * rowBytes);
    fillRows(table, seed, firstRow, bytes);
    for (let row = 0; row < count; row += blockRows) {
      const block = bytes.subarray(row * rowBytes, (row + blockRows) * rowBytes);
      digests.set(createHash("sha256").update(block).digest(), ((firstRow + row) / blockRows) * 32);
    }
    const uri = `rows-${parts.length}.bin`;
    await put(uri, bytes);
    parts.push({ firstRow, rows: count, data: { uri, bytes: bytes.length, offset: 0, stride: rowBytes } });
  }
  await put("blocks.sha256", digests);
  const sha256 = createHash("sha256").update(digests).digest("hex");
  const blocks = { rows: blockRows, digests: { uri: "blocks.sha256", bytes: digests.length, sha256 } };
  return { layer: 1, rows, encoding, blocks, parts };
}
