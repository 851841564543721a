// A folder as a place for checkpoints. A file is written beside its name, synced, and renamed: it is there whole or not at
// all, and after a crash of the machine no file is there without those that were written before it.

import { mkdir, open, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type CheckpointStorage, EngramError, isEngramError } from "@engram-ts/core";
import { fileError } from "./file-error.js";
import { publishFile } from "./manifest-file.js";

const OPERATION = "directoryStorage";

/** Most bytes that one call of the system reads. */
const READ_BYTES = 2 ** 30;

/**
 * A place for a checkpoint's files in a folder, which is made when the first file is written.
 * @throws EngramError `invalid-argument`.
 * @example await saveCheckpoint(directoryStorage("checkpoints/step-1000"), spec, parameters);
 */
export function directoryStorage(folder: string): CheckpointStorage {
  if (typeof folder !== "string" || folder === "" || folder.includes("\0")) {
    throw refused(`folder is ${JSON.stringify(folder) ?? "missing"}; use the path of a folder`);
  }
  const place = resolve(folder);
  const pathOf = (file: string): string => {
    if (/^[\w-][\w.-]*$/.test(file)) return join(place, file);
    throw refused(`the file ${JSON.stringify(String(file).slice(0, 200))} is no plain name`);
  };
  return {
    name: folder,
    async size(file) {
      const path = pathOf(file);
      try {
        return (await stat(path)).size;
      } catch (cause) {
        const error = fileError(cause, OPERATION, path);
        if (isEngramError(error, "not-found")) return undefined;
        throw error;
      }
    },
    async read(file, offset, length) {
      const path = pathOf(file);
      const bytes = new Uint8Array(length);
      try {
        const handle = await open(path, "r");
        try {
          for (let at = 0; at < length; ) {
            const wanted = Math.min(READ_BYTES, length - at);
            const { bytesRead } = await handle.read(bytes, at, wanted, offset + at);
            if (bytesRead === 0) throw truncated(path, offset, length, at);
            at += bytesRead;
          }
        } finally {
          await handle.close();
        }
      } catch (cause) {
        throw fileError(cause, OPERATION, path);
      }
      return bytes;
    },
    async write(file, bytes) {
      pathOf(file);
      try {
        await mkdir(place, { recursive: true });
      } catch (cause) {
        throw fileError(cause, OPERATION, place);
      }
      await publishFile(place, file, bytes, OPERATION);
    },
  };
}

function truncated(path: string, offset: number, length: number, found: number): EngramError {
  return new EngramError({
    code: "truncated",
    operation: OPERATION,
    message: `${path}: bytes ${offset} to ${offset + length} were asked for, and it ends after ${offset + found}; fetch it again`,
    context: { path, offset, length },
  });
}

function refused(message: string): EngramError {
  return new EngramError({ code: "invalid-argument", operation: OPERATION, message });
}
