// What a caller of lmdb-js would write: a value a row, read one after the other. The environment is made of a file of packed
// rows by the first process that needs it.

import { closeSync, existsSync, mkdirSync, openSync, readSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

/** The part of lmdb-js that is used; its own declarations are refused in an ES module. */
interface RawDatabase {
  getBinaryFast(key: number): Uint8Array | undefined;
  put(key: number, value: Uint8Array): Promise<boolean>;
  transaction<Result>(run: () => Result): Promise<Result>;
  openDB(options: object): RawDatabase;
}

/** Where rows come from, and where the environment lies. */
export interface LmdbRowsOptions {
  /** The file of packed rows. */
  readonly path: string;
  readonly folder: string;
  readonly rows: number;
  readonly rowBytes: number;
}

const BATCH_BYTES = 2 ** 24;

/** Opens the environment, made first where it is not there; gives a row's bytes, good until the next call. */
export async function lmdbRows(options: LmdbRowsOptions): Promise<(row: number) => Uint8Array | undefined> {
  const { folder, rowBytes } = options;
  mkdirSync(folder, { recursive: true });
  const require = createRequire(import.meta.url);
  const { open } = require("lmdb") as { open(options: object): RawDatabase };
  const binary = { encoding: "binary", compression: false };
  const places = { path: folder, noSubdir: false, mapSize: 2 ** 38, noReadAhead: true, noMemInit: true };
  const root = open({ ...binary, ...places, overlappingSync: false });
  const database = root.openDB({ ...binary, keyEncoding: "uint32", name: "rows" });
  const done = join(folder, "loaded");
  if (!existsSync(done)) {
    await load(root, database, options);
    writeFileSync(done, "");
  }
  return (row) => database.getBinaryFast(row)?.subarray(0, rowBytes); // of a buffer that is used again
}

async function load(root: RawDatabase, database: RawDatabase, { path, rows, rowBytes }: LmdbRowsOptions) {
  const file = openSync(path, "r");
  const step = Math.floor(BATCH_BYTES / rowBytes);
  for (let first = 0; first < rows; first += step) {
    const count = Math.min(step, rows - first);
    const bytes = new Uint8Array(count * rowBytes);
    readSync(file, bytes, 0, bytes.length, first * rowBytes);
    await root.transaction(() => {
      for (let i = 0; i < count; i++) void database.put(first + i, bytes.subarray(i * rowBytes, (i + 1) * rowBytes));
    });
  }
  closeSync(file);
}
