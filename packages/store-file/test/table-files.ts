// Tables as files, in the layouts that are published: packed rows, values and scales apart, several parts.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ManifestModule, type ManifestPart, rowScaleBytes, type TableInfo } from "@engram-ts/core";

/** How rows are laid out in files. */
export interface FileLayout {
  /** Scales in a region of their own, as in published checkpoints. */
  readonly regions: "packed" | "apart";
  /** Most rows of a part. */
  readonly partRows?: number;
  /** Bytes before the first row, as a safetensors header is. */
  readonly headerBytes?: number;
  /** All parts in one file. */
  readonly oneFile?: boolean;
  /** Bytes between rows. */
  readonly padding?: number;
}

const folders: string[] = [];

/** A folder that {@link removeFolders} removes. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "engram-file-"));
  folders.push(folder);
  return folder;
}

/** Removes all temporary folders. */
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** Writes rows to files in this layout and describes them. */
export function writeTable(folder: string, table: TableInfo, rows: Uint8Array, layout: FileLayout): ManifestModule {
  const scaleBytes = layout.regions === "apart" ? rowScaleBytes(table.encoding) : 0;
  const dataBytes = table.rowBytes - scaleBytes;
  const { partRows = table.rows, headerBytes = 0, oneFile = false, padding = 0 } = layout;
  const contents = new Map<string, Uint8Array[]>();
  const sizeOf = (name: string) => (contents.get(name) ?? []).reduce((size, { length }) => size + length, 0);
  const put = (name: string, firstRow: number, count: number, from: number, bytes: number) => {
    const stride = bytes + padding;
    if (!contents.has(name)) contents.set(name, [new Uint8Array(headerBytes).fill(0xee)]);
    const offset = sizeOf(name);
    const region = new Uint8Array(count * stride - padding).fill(0xdd);
    for (let i = 0; i < count; i++) {
      const at = (firstRow + i) * table.rowBytes + from;
      region.set(rows.subarray(at, at + bytes), i * stride);
    }
    contents.get(name)?.push(region);
    return { uri: name, offset, stride };
  };
  const placed: { firstRow: number; rows: number; data: ReturnType<typeof put>; scales?: ReturnType<typeof put> }[] =
    [];
  for (let firstRow = 0; firstRow < table.rows; firstRow += partRows) {
    const count = Math.min(partRows, table.rows - firstRow);
    const name = oneFile ? "all.rows" : `part-${firstRow}.rows`;
    const data = put(name, firstRow, count, 0, dataBytes);
    if (scaleBytes === 0) placed.push({ firstRow, rows: count, data });
    else placed.push({ firstRow, rows: count, data, scales: put(name, firstRow, count, dataBytes, scaleBytes) });
  }
  const sized = <Region extends { uri: string }>(region: Region) => ({ ...region, bytes: sizeOf(region.uri) });
  const parts = placed.map(({ data, scales, ...part }): ManifestPart => {
    return scales === undefined
      ? { ...part, data: sized(data) }
      : { ...part, data: sized(data), scales: sized(scales) };
  });
  for (const [name, pieces] of contents) writeFileSync(join(folder, name), Buffer.concat(pieces));
  return { layer: 1, rows: table.rows, encoding: table.encoding, parts };
}
