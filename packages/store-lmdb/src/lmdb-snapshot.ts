// One consistent state of an environment: an LMDB read transaction that is kept open. While it is, no page that it can
// see is written again, so views of mapped memory stay what they are, whatever this or another process commits.

import { createRequire } from "node:module";
import { keyIndex, type RowKind, tableRange } from "./lmdb-keys.js";

/** A value as lmdb-js hands it out: its one buffer, reused by the next read, or a view of the mapped file. */
export type VolatileValue = Uint8Array & { readonly isGlobal?: boolean };

/** A read transaction. */
export interface Transaction {
  /** Lets go of it; ends it where nobody else uses it. */
  done(): void;
}

/**
 * What is used of lmdb-js. Its own declarations leave out reads at a transaction and the length of the last value, and
 * TypeScript refuses them in an ES module where libraries are checked (`export =`), so they are not imported.
 */
export interface LmdbDatabase {
  readonly lastSize: number;
  getBinaryFast(key: Uint8Array, options: { readonly transaction: Transaction }): VolatileValue | undefined;
  getBinaryFast(key: Uint8Array): VolatileValue | undefined;
  getKeys(options: object): Iterable<Uint8Array>;
  put(key: Uint8Array, value: Uint8Array): Promise<boolean>;
  remove(key: Uint8Array): Promise<boolean>;
  childTransaction<Result>(action: () => Result): Promise<Result>;
  prefetch(keys: readonly Uint8Array[]): Promise<void>;
  useReadTransaction(): Transaction;
  resetReadTxn(): void;
  getStats(): object;
  sync(done: (error?: unknown) => void): void;
  close(): Promise<void>;
}

/** Opens LMDB itself, which is loaded at the first call. */
export function openLmdb(options: object): LmdbDatabase {
  const require = createRequire(import.meta.url);
  const { open } = require("lmdb") as { open(options: object): LmdbDatabase }; // see LmdbDatabase
  return open(options);
}

/** A state of the environment, for as long as it is held. */
export interface Snapshot {
  /** Differs from another snapshot's where something was committed between the two. */
  readonly transaction: Transaction;
  /** A copy of a value. */
  read(key: Uint8Array): Uint8Array | undefined;
  /** A value without a copy: valid until the next read of the environment, or a view of the map, as {@link isMapped} tells. */
  peek(key: Uint8Array): VolatileValue | undefined;
  /** The blocks or rows that a table has. */
  indexes(kind: RowKind, table: number): Iterable<number>;
  /** Holds the snapshot once more. */
  retain(): Snapshot;
  /** Lets go; after as many calls as holders its pages may be used again, and nothing may be read through it. */
  release(): void;
}

/** Whether a value is a view of the mapped file, which stays valid while its snapshot is held. */
export function isMapped(value: VolatileValue): boolean {
  return value.isGlobal !== true && "isSharedMap" in value.buffer;
}

/** The newest state. */
export function takeSnapshot(database: LmdbDatabase): Snapshot {
  database.resetReadTxn();
  const transaction = database.useReadTransaction();
  database.resetReadTxn(); // in use, so this only parts it from the reads that lmdb-js does for itself
  const options = { transaction };
  let holders = 1;
  const snapshot: Snapshot = {
    transaction,
    read(key) {
      const value = database.getBinaryFast(key, options);
      return value === undefined ? undefined : new Uint8Array(value.subarray(0, database.lastSize));
    },
    peek: (key) => database.getBinaryFast(key, options),
    *indexes(kind, table) {
      for (const key of database.getKeys({ ...tableRange(kind, table), transaction })) yield keyIndex(key);
    },
    retain() {
      holders++;
      return snapshot;
    },
    release() {
      holders--;
      if (holders > 0) return;
      try {
        transaction.done();
      } catch {
        // the environment was closed before, and that ended the transaction
      }
    },
  };
  return snapshot;
}
