// The tables of a run: written when a cell first needs them, under the run's scratch folder, removed with it. Every tier's
// copy holds the same rows (cells/row-table.ts). Also the files of row ids that all contestants of a cell read.

import { mkdirSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { EngramError, tableInfo } from "@engram-ts/core";
import { filesBelow, packedRowsFile, writeTable } from "../cells/row-table.js";
import type { SizedAddressing } from "../traces/trace-rows.js";

/** A table on the shelf. */
export interface ShelvedTable {
  readonly uri: string;
  /** Its folder, where it lies in one. */
  readonly folder?: string;
  /** Writes it unless it is there. */
  write(): Promise<void>;
  files(): readonly string[];
}

/** Tables by scheme and size. */
export interface TableShelf {
  table(scheme: "file" | "lmdb" | "s3", sized: SizedAddressing): ShelvedTable;
  /** The file of packed rows of the `file` table, which was written, for peers; undefined where it lies in several. */
  packedFile(sized: SizedAddressing): string | undefined;
  /** A file of row ids; replaces the one of the same name. */
  callsFile(name: string, ids: Uint32Array): string;
  /** An empty folder of this name. */
  emptyFolder(name: string): string;
}

/** Bytes that stay free on the disk. */
const LEAST_FREE = 2 ** 30;

/** A shelf in a folder. */
export function tableShelf(folder: string, s3?: string): TableShelf {
  const written = new Map<string, Promise<void>>();
  const nameOf = ({ preset, rows, encoding }: SizedAddressing) =>
    `${preset.replaceAll(".", "-")}-${rows}-${encoding.kind}`;
  const shelf: TableShelf = {
    table(scheme, sized) {
      const name = nameOf(sized);
      const own = scheme === "s3" ? undefined : join(folder, `${name}-${scheme}`);
      const uri = own === undefined ? `${s3}/${name}` : `${scheme}:${own}`;
      return {
        uri,
        ...(own === undefined ? {} : { folder: own }),
        write() {
          const known = written.get(uri);
          if (known !== undefined) return known;
          if (own !== undefined) checkSpace(folder, sized);
          const writing = writeTable(uri, sized);
          written.set(uri, writing);
          writing.catch(() => written.delete(uri)); // told to this cell; the next one tries again
          return writing;
        },
        files: () => (own === undefined ? [] : filesBelow(own)),
      };
    },
    packedFile(sized) {
      const { rows, encoding } = sized;
      return packedRowsFile(join(folder, `${nameOf(sized)}-file`), tableInfo({ rows, encoding }));
    },
    callsFile(name, ids) {
      const path = join(folder, `${name.replaceAll(/[^\w-]/g, "-")}.u32`);
      writeFileSync(path, ids);
      return path;
    },
    emptyFolder(name) {
      const path = join(folder, name);
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path, { recursive: true });
      return path;
    },
  };
  return shelf;
}

function checkSpace(folder: string, { rows, encoding, preset }: SizedAddressing): void {
  const { bavail, bsize } = statfsSync(folder);
  const need = rows * tableInfo({ rows, encoding }).rowBytes + LEAST_FREE;
  if (bavail * bsize >= need) return;
  throw new EngramError({
    code: "out-of-space",
    operation: "engram-bench",
    message: `a table of ${rows} rows of ${preset} needs ${need} bytes with what must stay free, and ${folder} has ${bavail * bsize}; use fewer --rows or another --folder (${readdirSync(folder).length} files are there)`,
  });
}
