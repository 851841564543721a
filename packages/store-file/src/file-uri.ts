// URIs of folders: `file:./tables`, `file:tables`, `file:/srv/tables`, `file:///srv/tables`, and the same with the
// manifest's name at the end.

import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { EngramError, MANIFEST_NAME } from "@engram-ts/core";

/**
 * The folder that a URI names, as an absolute path.
 * @throws EngramError `invalid-argument`.
 */
export function folderOf(uri: string, operation: string): string {
  const refuse = (message: string, cause?: unknown): never => {
    throw new EngramError({ code: "invalid-argument", operation, message, cause });
  };
  if (!uri.startsWith("file:")) refuse(`the URI ${JSON.stringify(uri.slice(0, 80))} does not begin with file:`);
  let path = uri.slice("file:".length);
  if (path.startsWith("//")) {
    try {
      path = fileURLToPath(uri);
    } catch (cause) {
      refuse(`${uri.slice(0, 200)} is no URL of a local file; use file:./folder or file:/absolute/folder`, cause);
    }
  }
  if (path === "" || path.includes("\0")) refuse("the URI names no folder; use file:./folder or file:/absolute/folder");
  const absolute = resolve(path);
  return absolute.endsWith(`/${MANIFEST_NAME}`) ? resolve(absolute, "..") : absolute;
}
