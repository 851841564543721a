// The rows of a checkpoint's table, read from its shards in order and packed: where values and scales lie in two tensors,
// each row's scales go behind its values. Bytes are moved, nothing is decoded.

import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import { interleaveRows, type ManifestModule, type ManifestRegion, rowScaleBytes, tableInfo } from "@engram-ts/core";
import { fileError } from "../input-file.js";
import type { RowSource } from "../table-copy-source.js";
import { readInto } from "./import-checkpoint.js";

/** A source of rows that holds files open. */
export interface ShardRows extends RowSource {
  close(): Promise<void>;
}

/** The rows of a module whose parts are dense regions of files in a folder. */
export function shardRows(folder: string, module: ManifestModule): ShardRows {
  const { layer, encoding } = module;
  const table = tableInfo({ rows: module.rows, encoding });
  const scaleBytes = rowScaleBytes(encoding);
  const files = new Map<string, Promise<FileHandle>>();
  const read = async ({ uri, offset, stride }: ManifestRegion, row: number, out: Uint8Array): Promise<void> => {
    const path = join(folder, uri);
    let file = files.get(uri);
    if (file === undefined) {
      file = open(path, "r").catch((cause: unknown) => Promise.reject(fileError(cause, path, "engram import")));
      files.set(uri, file);
    }
    await readInto(await file, path, offset + row * stride, out);
  };
  return {
    layer,
    table,
    async read(firstRow, out) {
      const end = firstRow + out.length / table.rowBytes;
      for (const part of module.parts) {
        const from = Math.max(firstRow, part.firstRow);
        const rows = Math.min(end, part.firstRow + part.rows) - from;
        if (rows <= 0) continue;
        const to = out.subarray((from - firstRow) * table.rowBytes, (from - firstRow + rows) * table.rowBytes);
        if (part.scales === undefined) {
          await read(part.data, from - part.firstRow, to);
          continue;
        }
        const values = new Uint8Array(rows * (table.rowBytes - scaleBytes));
        const scales = new Uint8Array(rows * scaleBytes);
        await Promise.all([
          read(part.data, from - part.firstRow, values),
          read(part.scales, from - part.firstRow, scales),
        ]);
        interleaveRows(encoding, { values, scales }, to);
      }
    },
    async close() {
      const open = [...files.values()];
      files.clear();
      await Promise.allSettled(open.map(async (file) => (await file).close()));
    },
  };
}
