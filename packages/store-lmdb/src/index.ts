// The public names of @engram-ts/store-lmdb.

export { type LmdbCacheOptions, openLmdbCache } from "./lmdb-cache.js";
export { type LmdbDriverOptions, lmdbDriver } from "./lmdb-driver.js";
export type { LmdbStoreOptions } from "./lmdb-options.js";
export { type LmdbDiagnostics, type LmdbStore, lmdbStore } from "./lmdb-store.js";
