// The public names of @engram-ts/store-s3.

export {};
