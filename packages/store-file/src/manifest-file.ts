// The manifest of a folder, read and published. Publishing is one rename, so readers see the old manifest or the new one.

import { open, readFile, rename, stat } from "node:fs/promises";
import { join } from "node:path";
import { EngramError, MANIFEST_NAME, MAX_MANIFEST_LENGTH, type Manifest, parseManifest } from "@engram-ts/core";
import { fileError } from "./file-error.js";

/**
 * Reads and checks a folder's manifest.
 * @throws EngramError `not-found`, `permission-denied`, `io`, `invalid-manifest`.
 */
export async function readManifest(folder: string, operation: string): Promise<Manifest> {
  const path = join(folder, MANIFEST_NAME);
  return parseManifest((await readSmallFile(path, MAX_MANIFEST_LENGTH, operation)).toString("utf8"));
}

/**
 * Reads a file whose size is looked at before it is read.
 * @throws EngramError `not-found`, `permission-denied`, `io`; `invalid-manifest` where it is larger.
 */
export async function readSmallFile(path: string, maxBytes: number, operation: string): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) {
      throw new EngramError({
        code: "invalid-manifest",
        operation,
        message: `${path} has ${size} bytes, and at most ${maxBytes} are read; is it another program's file?`,
        context: { path, size, maxBytes },
      });
    }
    return await readFile(path);
  } catch (cause) {
    throw fileError(cause, operation, path);
  }
}

/** Writes a file that is there whole or not at all, and outlives a crash of the machine once this resolves. */
export async function publishFile(
  folder: string,
  name: string,
  content: string | Uint8Array,
  operation = "tableWriter",
): Promise<void> {
  const temporary = join(folder, `${name}.new`);
  try {
    const file = await open(temporary, "w");
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, join(folder, name));
    await syncFolder(folder);
  } catch (cause) {
    throw fileError(cause, operation, temporary);
  }
}

/** Makes the names in a folder outlive a crash. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
