// Tensors of a checkpoint besides the model's: safetensors files, with their digests. Not here: what is in them.

import { createHash } from "node:crypto";
import {
  type CheckpointStorage,
  EngramError,
  encodeSafetensors,
  readSafetensors,
  type Safetensors,
  type TensorData,
} from "@engram-ts/core";
import type { RecordedFile } from "./training-record.js";

/** Writes tensors as one file. */
export async function writeTensors(
  storage: CheckpointStorage,
  name: string,
  tensors: ReadonlyMap<string, TensorData>,
): Promise<RecordedFile> {
  const bytes = encodeSafetensors(tensors);
  await storage.write(name, bytes);
  return { name, bytes: bytes.length, sha256: hexDigest(bytes) };
}

/**
 * Reads a file that a record names.
 * @throws EngramError `not-found`, `truncated`, `digest-mismatch`, `invalid-safetensors`.
 */
export async function readTensors(
  storage: CheckpointStorage,
  { name, bytes, sha256 }: RecordedFile,
): Promise<Safetensors> {
  const refused = (code: "not-found" | "truncated" | "digest-mismatch", what: string) =>
    new EngramError({
      code,
      operation: "trainer.restore",
      message: `${name} in ${storage.name} ${what}; fetch the checkpoint again, or use an older one`,
      context: { file: name },
    });
  const size = await storage.size(name);
  if (size === undefined) throw refused("not-found", "is not there");
  if (size !== bytes) throw refused("truncated", `has ${size} bytes and was saved with ${bytes}`);
  const content = await storage.read(name, 0, bytes);
  if (hexDigest(content) !== sha256) throw refused("digest-mismatch", "is not the file that was saved");
  return readSafetensors(content);
}

function hexDigest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
