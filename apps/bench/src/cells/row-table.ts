// The tables that cells read, written through the drivers of the stores themselves, and where their files lie. What they hold
// is said by table-words.ts, or by whoever writes one.

import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { tableDrivers } from "@engram-ts/cli";
import { type Addressing, type Manifest, parseManifest, type TableInfo, tableInfo } from "@engram-ts/core";
import type { SizedAddressing } from "../traces/trace-rows.js";
import { fillTable } from "./table-words.js";

const BLOCK_BYTES = 2 ** 22;

/** Writes the table of one module at a URI, with the words that cells expect. */
export function writeTable(uri: string, { addressing, layer, rows, encoding }: SizedAddressing): Promise<void> {
  const table = tableInfo({ rows, encoding });
  const fill = (_: number, firstRow: number, bytes: Uint8Array) => fillTable(firstRow * table.rowBytes, bytes);
  return writeTables(uri, addressing, new Map([[layer, table]]), fill);
}

/** Writes tables at a URI, replacing what is there; `fill` says what rows hold. */
export async function writeTables(
  uri: string,
  addressing: Addressing,
  tables: ReadonlyMap<number, TableInfo>,
  fill: (layer: number, firstRow: number, bytes: Uint8Array) => void,
): Promise<void> {
  const scheme = uri.slice(0, uri.indexOf(":"));
  const [driver] = await tableDrivers([scheme]);
  if (driver?.write === undefined) throw new Error(`${scheme}: writes no tables`);
  const manifest: Omit<Manifest, "modules"> = {
    format: "engram",
    version: 1,
    addressing: addressing.config,
    derived: addressing.derivation(),
  };
  const writer = await driver.write(uri, { manifest, tables }, { replace: true });
  try {
    for (const [layer, { rows, rowBytes }] of tables) {
      const run = Math.max(1, Math.floor(BLOCK_BYTES / rowBytes));
      const block = new Uint8Array(run * rowBytes);
      for (let row = 0; row < rows; row += run) {
        const bytes = block.subarray(0, Math.min(run, rows - row) * rowBytes);
        fill(layer, row, bytes);
        await writer.write(layer, row, bytes);
      }
    }
    await writer.finish();
  } finally {
    await writer.close();
  }
}

/** The one file of packed rows that a `file:` table of one module lies in; undefined where it is in several. */
export function packedRowsFile(folder: string, table: TableInfo): string | undefined {
  const { modules } = parseManifest(readFileSync(join(folder, "engram.json"), "utf8"));
  const parts = modules[0]?.parts ?? [];
  const data = parts[0]?.data;
  if (parts.length !== 1 || data === undefined || data.offset !== 0 || data.stride !== table.rowBytes) return undefined;
  return join(folder, data.uri);
}

/** All files below a folder, for what is to be known of the system's cache. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}
