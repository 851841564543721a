// The public names of @engram-ts/store-file.

export { directoryStorage } from "./directory-storage.js";
export { type FileDriverOptions, fileDriver } from "./file-driver.js";
export type { FileStoreOptions } from "./file-options.js";
export { type FileDiagnostics, type FileStore, fileStore } from "./file-store.js";
export type { FileWriterOptions } from "./file-writer.js";
