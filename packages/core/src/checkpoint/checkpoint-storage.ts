// Where a checkpoint lies: a folder, a prefix of an object store, memory. As few operations as a checkpoint needs, so that
// a new place is a page of code. Files are named by plain relative names, as `config.json`; there are no folders inside.
// Not here: tables, which are read row by row through stores.

import { EngramError } from "../errors.js";

/** A place for a checkpoint's files. */
export interface CheckpointStorage {
  /** What messages call the place: a folder, `s3://bucket/prefix`. No secrets. */
  readonly name: string;
  /** Bytes of a file; `undefined` where there is none. */
  size(file: string): Promise<number | undefined>;
  /**
   * `length` bytes of a file from `offset` on, no more and no fewer. The array is the caller's.
   * @throws EngramError `not-found`, `truncated`, `io`, ...
   */
  read(file: string, offset: number, length: number): Promise<Uint8Array>;
  /**
   * Writes a file, in place of one that is there. It is there whole or not at all, also after a crash, and what was
   * written before is there where this is.
   */
  write(file: string, bytes: Uint8Array): Promise<void>;
}

/**
 * A whole small file; `undefined` where there is none.
 * @param most bytes that such a file may have.
 * @throws EngramError `invalid-manifest` where it is larger, and what the storage throws.
 */
export async function readSmall(
  storage: CheckpointStorage,
  file: string,
  most: number,
  operation: string,
): Promise<Uint8Array | undefined> {
  const bytes = await storage.size(file);
  if (bytes === undefined) return undefined;
  if (bytes > most) {
    throw new EngramError({
      code: "invalid-manifest",
      operation,
      message: `${file} in ${storage.name} has ${bytes} bytes, and at most ${most} are read; is it another program's file?`,
      context: { file, bytes, most },
    });
  }
  return readExactly(storage, file, 0, bytes, operation);
}

/**
 * Bytes of a file, their number checked.
 * @throws EngramError `truncated`, and what the storage throws.
 */
export async function readExactly(
  storage: CheckpointStorage,
  file: string,
  offset: number,
  length: number,
  operation: string,
): Promise<Uint8Array> {
  const bytes = await storage.read(file, offset, length);
  if (bytes.length === length) return bytes;
  throw new EngramError({
    code: "truncated",
    operation,
    message: `${file} in ${storage.name}: bytes ${offset} to ${offset + length} were asked for, and ${bytes.length} came; fetch the file again`,
    context: { file, offset, length, found: bytes.length },
  });
}

/**
 * JSON of a file's bytes.
 * @throws EngramError of `code`.
 */
export function parseJson(
  bytes: Uint8Array,
  file: string,
  code: "invalid-config" | "invalid-manifest",
  operation: string,
): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(bytes))) as unknown;
  } catch (cause) {
    throw new EngramError({
      code,
      operation,
      message: `${file} is no JSON in UTF-8: ${cause instanceof Error ? cause.message : String(cause)}; fetch it again`,
      context: { file },
      cause,
    });
  }
}
