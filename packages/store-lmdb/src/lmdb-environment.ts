// An LMDB environment on disk, opened once a process however many stores share it: lmdb-js shares it anyway, and the
// flags of the first opening hold for all. Opened for writing where the folder allows it.
// Not here: what the records mean (table-records.ts).

import { accessSync, closeSync, constants, mkdirSync, openSync, realpathSync, statfsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { EngramError } from "@engram-ts/core";
import { checkDataFile } from "./data-file.js";
import { lmdbFault } from "./lmdb-fault.js";
import { metaKey } from "./lmdb-keys.js";
import { type LmdbDatabase, openLmdb, type Snapshot, takeSnapshot } from "./lmdb-snapshot.js";

/** The layout of records that this release reads and writes. */
const FORMAT = "engram-lmdb 1";
/**
 * Address space for the map, in every process: views of mapped rows then never move, and V8 sees one buffer a place.
 * lmdb-js grows a map that is too small, and keeps the old one, so more than this is slow to open but no limit.
 */
const MAP_BYTES = 2 ** 40;

/** What may be done within a transaction. */
export interface TransactionWriter {
  /** A copy of a value, as the transaction sees it. */
  read(key: Uint8Array): Uint8Array | undefined;
  put(key: Uint8Array, value: Uint8Array): void;
  remove(key: Uint8Array): void;
}

/** An open environment. */
export interface Environment {
  readonly path: string;
  readonly writable: boolean;
  /** Bytes of one of LMDB's pages. */
  readonly pageBytes: number;
  /** The data file, for reading. */
  readonly file: number;
  readonly database: LmdbDatabase;
  /** The newest state, held once. */
  snapshot(): Snapshot;
  /**
   * Writes all or, where `write` throws, nothing. `write` may be called later, not again. Resolves when it is on disk; in an
   * environment that was opened to be durable at its close, `durable: false` does not wait for that.
   */
  transact(
    operation: string,
    write: (writer: TransactionWriter) => void,
    options?: { readonly durable: boolean },
  ): Promise<void>;
  /** Lets go of the environment; the last holder closes it. */
  release(): Promise<void>;
}

interface Opened {
  readonly environment: Environment;
  holders: number;
  closing?: Promise<void>;
}

const opened = new Map<string, Opened>();

/**
 * Opens an environment, or holds it once more.
 * @param options create: makes a folder and an environment where there is none. lazy: where this is the first holder,
 * commits are not forced to disk unless each asks for it.
 * @throws EngramError `not-found`, `permission-denied`, `truncated`, `unsupported` (another format), `io`.
 */
export async function holdEnvironment(
  folder: string,
  operation: string,
  options: { create: boolean; lazy?: boolean },
): Promise<Environment> {
  try {
    let path = resolve(folder);
    if (!isThere(join(path, "data.mdb"))) {
      if (!options.create) throw Object.assign(new Error("no data.mdb in this folder"), { code: "ENOENT" });
      makeFolder(path);
    }
    path = realpathSync(path);
    let entry = opened.get(path);
    while (entry?.closing !== undefined) {
      await entry.closing;
      entry = opened.get(path);
    }
    if (entry === undefined) {
      entry = { environment: openEnvironment(path, operation, options.lazy === true), holders: 0 };
      opened.set(path, entry);
    }
    entry.holders++;
    return entry.environment;
  } catch (error) {
    throw lmdbFault(error, operation, folder);
  }
}

function openEnvironment(path: string, operation: string, lazy: boolean): Environment {
  const writable = isWritable(path);
  const data = join(path, "data.mdb");
  if (isThere(data)) checkDataFile(data, operation);
  const database = openLmdb({
    path,
    noSubdir: false, // or a folder with a dot in its name would be taken for a file
    readOnly: !writable,
    mapSize: MAP_BYTES,
    maxReaders: 512,
    encoding: "binary",
    keyEncoding: "binary",
    compression: false,
    noReadAhead: true,
    noMemInit: true,
    overlappingSync: false, // a commit resolves when it is on disk
    noSync: lazy,
    eventTurnBatching: false, // or a commit that fails also rejects a promise that nobody has, which ends the process
  });
  let file: number | undefined;
  let pageBytes: number;
  try {
    file = openSync(data, "r");
    pageBytes = checkDataFile(data, operation);
    checkFormat(database, path, operation);
  } catch (error) {
    if (file !== undefined) closeSync(file);
    void database.close();
    throw error;
  }
  const fd = file;
  const sync = async (): Promise<void> => {
    if (!lazy || !writable) return;
    const error = await new Promise<unknown>((resolve) => database.sync(resolve));
    if (error instanceof Error) throw error;
  };
  const environment: Environment = {
    path,
    writable,
    pageBytes,
    file: fd,
    database,
    snapshot: () => takeSnapshot(database),
    async transact(name, write, { durable } = { durable: true }) {
      if (!writable)
        throw lmdbFault(Object.assign(new Error("the folder is read-only"), { code: "EROFS" }), name, path);
      try {
        await database.childTransaction(() => write(writerOf(database)));
        if (durable) await sync();
      } catch (error) {
        throw lmdbFault(await commitCause(error, path), name, path);
      } finally {
        database.resetReadTxn();
      }
    },
    async release() {
      const entry = opened.get(path);
      if (entry === undefined) return;
      const last = --entry.holders === 0;
      const close = async (): Promise<void> => {
        try {
          await sync();
        } catch (error) {
          throw lmdbFault(error, "store.close", path);
        } finally {
          if (last) {
            await database.close();
            closeSync(fd);
            opened.delete(path);
          }
        }
      };
      const closing = close();
      if (last) entry.closing = closing.catch(() => undefined);
      await closing;
    },
  };
  return environment;
}

function writerOf(database: LmdbDatabase): TransactionWriter {
  return {
    read(key) {
      const value = database.getBinaryFast(key);
      return value === undefined ? undefined : new Uint8Array(value.subarray(0, database.lastSize));
    },
    put(key, value) {
      void database.put(key, value); // within a transaction it is done when the call returns, or throws
    },
    remove(key) {
      void database.remove(key);
    },
  };
}

/** Whether a file is there; a folder that may not be looked into is an error. */
function isThere(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false }) !== undefined;
}

/** Makes a folder and those above it; asks first, since making one on a read-only disk says that it is not there. */
function makeFolder(path: string): void {
  let above = path;
  while (!isThere(above)) above = dirname(above);
  accessSync(above, constants.W_OK);
  mkdirSync(path, { recursive: true });
}

const EIO = 5;
/** LMDB says EIO where a disk took only a part of what was to be written. */
const FULL_DISK_BYTES = 2 ** 26;

/** What a failed commit failed with: lmdb-js gives a promise of it, and logs it, too. */
async function commitCause(error: unknown, path: string): Promise<unknown> {
  const inner: unknown = error instanceof Error && "commitError" in error ? error.commitError : undefined;
  const cause = inner instanceof Promise ? await inner.catch((found: unknown) => found) : (inner ?? error);
  if (!(cause instanceof Error && "code" in cause && cause.code === EIO)) return cause;
  const { bavail, bsize } = statfsSync(path);
  if (bavail * bsize > FULL_DISK_BYTES) return cause;
  return Object.assign(new Error(`no space left on the disk, which has ${bavail * bsize} bytes`, { cause }), {
    code: "ENOSPC",
  });
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    const data = join(path, "data.mdb");
    if (isThere(data)) accessSync(data, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function checkFormat(database: LmdbDatabase, path: string, operation: string): void {
  const value = database.getBinaryFast(metaKey("format"));
  const found = value === undefined ? undefined : new TextDecoder().decode(value.subarray(0, database.lastSize));
  const { entryCount = 0 } = database.getStats() as { entryCount?: number }; // as lmdb-js 3 has it
  if (found === FORMAT || (found === undefined && entryCount === 0)) return;
  throw new EngramError({
    code: "unsupported",
    operation,
    message: `${path} is an environment of ${found === undefined ? "another program" : `format ${JSON.stringify(found.slice(0, 40))}`}, and this release reads ${FORMAT}; use another folder, or the release that wrote it`,
    context: { path },
  });
}

/** Marks an environment as ours; part of the first transaction that writes records. */
export function markFormat(writer: TransactionWriter): void {
  writer.put(metaKey("format"), new TextEncoder().encode(FORMAT));
}
