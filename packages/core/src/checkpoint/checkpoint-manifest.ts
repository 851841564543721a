// The tables of a checkpoint's model: their manifest `engram.json` may lie beside the checkpoint, which then has its digest.
// Not here: rows; the tables are opened by URI, as any.

import { EngramError } from "../errors.js";
import type { ModelSpec } from "../model/model-spec.js";
import { MANIFEST_NAME, type Manifest } from "../rows/manifest.js";
import { MAX_MANIFEST_LENGTH, parseManifest } from "../rows/manifest-reader.js";
import type { CheckpointFile } from "./checkpoint-index.js";
import { type CheckpointStorage, readSmall } from "./checkpoint-storage.js";
import { hexDigest } from "./checkpoint-tensors.js";

/** A manifest, and the file that it was. */
export interface CheckpointManifest {
  readonly manifest: Manifest;
  readonly file: CheckpointFile;
}

/**
 * Reads the manifest beside a checkpoint and checks that its tables are the model's.
 * @returns `undefined` where there is none, or the model has no memory.
 * @throws EngramError `invalid-manifest`, or `manifest-mismatch` naming what differs.
 */
export async function readTables(
  storage: CheckpointStorage,
  spec: ModelSpec,
  operation: string,
): Promise<CheckpointManifest | undefined> {
  const { memory } = spec;
  if (memory === undefined) return undefined;
  const bytes = await readSmall(storage, MANIFEST_NAME, MAX_MANIFEST_LENGTH, operation);
  if (bytes === undefined) return undefined;
  const manifest = parseManifest(new TextDecoder().decode(new Uint8Array(bytes)));
  const compare = (path: string, found: unknown, expected: unknown): void => {
    if (sorted(found) === sorted(expected)) return;
    throw new EngramError({
      code: "manifest-mismatch",
      operation,
      message: `${MANIFEST_NAME} in ${storage.name}: ${path} is ${sorted(found)}, and the model has ${sorted(expected)}; put the tables of this model there`,
      context: { path, found, expected },
    });
  };
  const given = new Map(Object.entries(manifest.addressing));
  const own = new Map(Object.entries(memory.addressing));
  for (const field of new Set([...own.keys(), ...given.keys()])) {
    compare(`addressing.${field}`, given.get(field), own.get(field));
  }
  for (const { layer, encoding } of manifest.modules) {
    compare(`the row width of layer ${layer}`, encoding.width, memory.encoding.width); // rows may be encoded otherwise
  }
  return { manifest, file: { bytes: bytes.length, sha256: await hexDigest(bytes) } };
}

/** JSON with the fields of objects in one order. */
function sorted(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) =>
      typeof inner === "object" && inner !== null && !Array.isArray(inner)
        ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
        : inner,
    ) ?? "missing"
  );
}
