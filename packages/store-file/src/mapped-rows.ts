// Rows of mapped files.

/** The mapping of one store's files. */
export interface MappedRows {
  /** Gathers rows; false where the mapping had to be given up, and rows are to be read instead. */
  gather(rowIds: Uint32Array, length: number, out: Uint8Array): boolean;
  /** Ends the mapping; nothing reads through it any more. */
  close(): void;
}
