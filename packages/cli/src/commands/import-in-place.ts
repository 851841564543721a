// `engram import --in-place`: a manifest beside a checkpoint's shards, which points at their rows where they are. No row is
// copied. The token map goes beside it; both are written whole or not at all.

import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  EngramError,
  isEngramError,
  MANIFEST_NAME,
  type Manifest,
  parseManifest,
  serializeManifest,
} from "@engram-ts/core";
import { fileError, readInputFile } from "../input-file.js";
import { type ImportedTokenMap, TOKEN_MAP_FILE } from "./import-tokens.js";

const operation = "engram import";
const MANIFEST_LIMIT_BYTES = 16 * 2 ** 20;

/**
 * Refuses a folder whose manifest is of other tables.
 * @throws EngramError `manifest-mismatch`.
 */
export async function refuseOtherManifest(folder: string, manifest: Manifest): Promise<void> {
  const path = join(folder, MANIFEST_NAME);
  let there: Manifest;
  try {
    there = parseManifest(new TextDecoder().decode(await readInputFile(path, MANIFEST_LIMIT_BYTES, operation)));
  } catch (cause) {
    if (isEngramError(cause, "not-found")) return;
    throw cause;
  }
  const parts = ({ addressing, modules }: Manifest) =>
    JSON.stringify([addressing, modules.map((module) => module.parts)]);
  if (parts(there) === parts(manifest)) return;
  throw new EngramError({
    code: "manifest-mismatch",
    operation,
    message: `${path} describes other tables; look at them with engram inspect file:${folder}, or replace the manifest with --replace`,
    context: { path },
  });
}

/** Writes the token map, then the manifest, so that a reader of the manifest finds both. */
export async function writeInPlace(
  folder: string,
  manifest: Manifest,
  tokenMap: ImportedTokenMap | undefined,
): Promise<string> {
  if (tokenMap !== undefined) await writeWhole(join(folder, TOKEN_MAP_FILE), tokenMap.bytes);
  const path = join(folder, MANIFEST_NAME);
  await writeWhole(path, new TextEncoder().encode(serializeManifest(manifest)));
  return path;
}

async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const partial = `${path}.partial-${process.pid}`;
  try {
    await writeFile(partial, bytes, { flag: "wx" });
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    throw fileError(cause, path, operation);
  }
}
