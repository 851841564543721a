// Reads the small files a command is given, each with a size limit checked before the file is read.

import { readFile, stat } from "node:fs/promises";
import { EngramError, isEngramError } from "@engram-ts/core";

/**
 * The bytes of a file.
 * @param limitBytes refuses larger files before reading them.
 * @throws EngramError `not-found`, `permission-denied`, `io`, `invalid-argument` where the file is too large.
 */
export async function readInputFile(path: string, limitBytes: number, operation: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > limitBytes) {
      throw new EngramError({
        code: "invalid-argument",
        operation,
        message: `${path} has ${size} bytes, and at most ${limitBytes} are read here; is it the right file?`,
        context: { path, size, limitBytes },
      });
    }
    return await readFile(path);
  } catch (cause) {
    if (isEngramError(cause)) throw cause;
    throw fileError(cause, path, operation);
  }
}

/** Maps an error of node:fs to an EngramError that names the file. */
export function fileError(cause: unknown, path: string, operation: string): EngramError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  const context = { path };
  if (code === "ENOENT" || code === "ENOTDIR") {
    return new EngramError({ code: "not-found", operation, message: `there is no file ${path}`, context, cause });
  }
  if (code === "EACCES" || code === "EPERM") {
    return new EngramError({
      code: "permission-denied",
      operation,
      message: `no permission for ${path}`,
      context,
      cause,
    });
  }
  if (code === "ENOSPC") {
    return new EngramError({ code: "out-of-space", operation, message: `no space left for ${path}`, context, cause });
  }
  return new EngramError({
    code: "io",
    operation,
    message: `${path}: ${String(cause)}`,
    retry: "later",
    context,
    cause,
  });
}

/**
 * Parses JSON from a file given on the command line.
 * @throws EngramError as {@link readInputFile}, `invalid-argument` where the text is not JSON.
 */
export async function readJsonFile(path: string, limitBytes: number, operation: string): Promise<unknown> {
  const bytes = await readInputFile(path, limitBytes, operation);
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new EngramError({
      code: "invalid-argument",
      operation,
      message: `${path} is not JSON in UTF-8: ${cause instanceof Error ? cause.message : String(cause)}`,
      context: { path },
      cause,
    });
  }
}
