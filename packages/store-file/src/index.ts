// The public names of @engram-ts/store-file.

export type { FileStoreOptions } from "./file-options.js";
export { type FileDiagnostics, type FileStore, fileStore } from "./file-store.js";
