// The public names of @engram-ts/store-lmdb.

export type { LmdbStoreOptions } from "./lmdb-options.js";
export { type LmdbDiagnostics, type LmdbStore, lmdbStore } from "./lmdb-store.js";
