// Tables put into an object store for tests: packed rows, or values and scales apart as published checkpoints have them,
// in one object or several; with block digests where asked for.

import { createHash } from "node:crypto";
import {
  type ManifestBlocks,
  type ManifestModule,
  type ManifestPart,
  rowScaleBytes,
  splitRows,
  type TableInfo,
} from "@engram-ts/core";

/** How a table is laid out. */
export interface TableLayout {
  /** Rows of each object. Default all. */
  readonly partRows?: number;
  /** Values and scales in regions of their own, where the encoding has scales. */
  readonly apart?: boolean;
  /** Rows of a block, with a digest for each. */
  readonly blockRows?: number;
}

/** Puts an object. */
export type PutObject = (uri: string, bytes: Uint8Array) => void | Promise<void>;

const HEADER_BYTES = 40;

/** Puts a table's objects and describes them. */
export async function putTable(
  table: TableInfo,
  rows: Uint8Array,
  put: PutObject,
  layout: TableLayout = {},
): Promise<ManifestModule> {
  const { partRows = table.rows, blockRows } = layout;
  const scaleBytes = rowScaleBytes(table.encoding);
  const valueBytes = table.rowBytes - scaleBytes;
  const parts: ManifestPart[] = [];
  for (let firstRow = 0; firstRow < table.rows; firstRow += partRows) {
    const count = Math.min(partRows, table.rows - firstRow);
    const uri = `rows-${firstRow}.bin`;
    const packed = rows.slice(firstRow * table.rowBytes, (firstRow + count) * table.rowBytes);
    const bytes = HEADER_BYTES + packed.length;
    const object = new Uint8Array(bytes).fill(0xee);
    if (layout.apart === true && scaleBytes > 0) {
      const values = new Uint8Array(count * valueBytes);
      const scales = new Uint8Array(count * scaleBytes);
      splitRows(table.encoding, packed, { values, scales });
      object.set(values, HEADER_BYTES);
      object.set(scales, HEADER_BYTES + values.length);
      const data = { uri, bytes, offset: HEADER_BYTES, stride: valueBytes };
      parts.push({
        firstRow,
        rows: count,
        data,
        scales: { uri, bytes, offset: HEADER_BYTES + values.length, stride: scaleBytes },
      });
    } else {
      object.set(packed, HEADER_BYTES);
      parts.push({ firstRow, rows: count, data: { uri, bytes, offset: HEADER_BYTES, stride: table.rowBytes } });
    }
    await put(uri, object);
  }
  const blocks = blockRows === undefined ? {} : { blocks: await putDigests(table, rows, blockRows, put) };
  return { layer: 1, rows: table.rows, encoding: table.encoding, ...blocks, parts };
}

async function putDigests(
  table: TableInfo,
  rows: Uint8Array,
  blockRows: number,
  put: PutObject,
): Promise<ManifestBlocks> {
  const count = Math.ceil(table.rows / blockRows);
  const digests = new Uint8Array(count * 32);
  for (let block = 0; block < count; block++) {
    const at = block * blockRows * table.rowBytes;
    const bytes = rows.subarray(at, at + blockRows * table.rowBytes);
    digests.set(createHash("sha256").update(bytes).digest(), block * 32);
  }
  const sha256 = createHash("sha256").update(digests).digest("hex");
  await put("digests.bin", digests);
  return { rows: blockRows, digests: { uri: "digests.bin", bytes: digests.length, sha256 } };
}
