// The public names of @engram-ts/store-s3.

export type { S3ClientOptions } from "./s3-client.js";
export { type S3DriverOptions, s3Driver } from "./s3-driver.js";
export type { S3ReadOptions } from "./s3-options.js";
export { type S3Storage, type S3StorageOptions, s3Storage } from "./s3-storage.js";
export { type S3RequestStats, type S3Store, type S3StoreOptions, s3Store } from "./s3-store.js";
export { type S3WriteOptions, type S3WriterOptions, s3Writer } from "./s3-writer.js";
export type { S3CutOptions } from "./upload-cut.js";
