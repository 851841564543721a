// The index of a checkpoint, `model.safetensors.index.json`: which shard holds which tensor, as Hugging Face's tools write
// and read it, and under `metadata` what these leave free: digests of every file and tensor. It is written last, so a
// checkpoint is there when its index is. Foreign indexes have no digests; a file `model.safetensors` alone has no index.

import { EngramError } from "../errors.js";
import { describe } from "../rows/manifest-fields.js";
import { quoted } from "./header-json.js";

/** The index's file. */
export const INDEX_NAME = "model.safetensors.index.json";

/** A checkpoint's specification. */
export const CONFIG_NAME = "config.json";

/** A checkpoint of one file, without an index. */
export const SINGLE_NAME = "model.safetensors";

/** Most bytes of an index: a million tensors with digests. */
export const MAX_INDEX_BYTES = 2 ** 28;

/** Version of what stands under `metadata`. */
const CHECKPOINT_VERSION = 1;

/** A file as it was when the checkpoint was made. */
export interface CheckpointFile {
  readonly bytes: number;
  /** SHA-256 of the file, lower-case hex. */
  readonly sha256: string;
}

/** What only checkpoints of this package have. */
export interface CheckpointDigests {
  readonly config: CheckpointFile;
  readonly shards: ReadonlyMap<string, CheckpointFile>;
  /** SHA-256 of each tensor's bytes, by the tensor's name in the shard, so that parts can be verified. */
  readonly tensors: ReadonlyMap<string, string>;
  /** The manifest of the model's tables, where it lies beside the checkpoint. */
  readonly manifest?: CheckpointFile;
}

/** An index. */
export interface CheckpointIndex {
  /** The shard of each tensor. */
  readonly shardOf: ReadonlyMap<string, string>;
  readonly digests?: CheckpointDigests;
}

/** The index as text; equal indexes give equal texts. */
export function serializeIndex({ shardOf, digests }: CheckpointIndex, totalBytes: number): string {
  const own = digests && {
    engram_checkpoint: CHECKPOINT_VERSION,
    config: digests.config,
    ...(digests.manifest && { manifest: digests.manifest }),
    shards: Object.fromEntries(digests.shards),
    tensors: Object.fromEntries(digests.tensors),
  };
  const index = { metadata: { total_size: totalBytes, ...own }, weight_map: Object.fromEntries(shardOf) };
  return `${JSON.stringify(index, undefined, 2)}\n`;
}

/**
 * Reads an index that came from outside.
 * @throws EngramError `invalid-manifest`, naming the field; `unsupported` for a newer version.
 */
export function parseIndex(value: unknown, operation: string): CheckpointIndex {
  const refuse = (path: string, found: unknown, allowed: string): never => {
    throw new EngramError({
      code: "invalid-manifest",
      operation,
      message: `${INDEX_NAME}: ${path} is ${describe(found)}; ${allowed}`,
      context: { file: INDEX_NAME, path },
    });
  };
  const entries = (path: string, found: unknown): readonly (readonly [string, unknown])[] => {
    if (typeof found !== "object" || found === null || Array.isArray(found))
      return refuse(path, found, "use an object");
    return Object.entries(found);
  };
  const root = new Map(entries("the file", value));
  const shardOf = new Map<string, string>();
  for (const [name, shard] of entries("weight_map", root.get("weight_map"))) {
    shardOf.set(name, isFileName(shard) ? shard : refuse(`weight_map[${quoted(name)}]`, shard, FILE_RULE));
  }
  const metadata = new Map(root.has("metadata") ? entries("metadata", root.get("metadata")) : []);
  const version = metadata.get("engram_checkpoint");
  if (version === undefined) return { shardOf };
  if (version !== CHECKPOINT_VERSION) {
    throw new EngramError({
      code: "unsupported",
      operation,
      message: `${INDEX_NAME}: metadata.engram_checkpoint is ${describe(version)}, and this version of the package reads ${CHECKPOINT_VERSION}; use a newer one`,
    });
  }
  const digest = (path: string, found: unknown): string =>
    typeof found === "string" && /^[0-9a-f]{64}$/.test(found)
      ? found
      : refuse(path, found, "use a SHA-256 of 64 hex digits in lower case");
  const file = (path: string, found: unknown): CheckpointFile => {
    const fields = new Map(entries(path, found));
    const bytes = fields.get("bytes");
    if (typeof bytes !== "number" || !Number.isSafeInteger(bytes) || bytes < 0) {
      return refuse(`${path}.bytes`, bytes, "use a whole number");
    }
    return { bytes, sha256: digest(`${path}.sha256`, fields.get("sha256")) };
  };
  const under = <T>(field: string, read: (path: string, found: unknown) => T): Map<string, T> =>
    new Map(
      entries(`metadata.${field}`, metadata.get(field)).map(([name, found]) => [
        name,
        read(`metadata.${field}[${quoted(name)}]`, found),
      ]),
    );
  const digests: CheckpointDigests = {
    config: file("metadata.config", metadata.get("config")),
    shards: under("shards", file),
    tensors: under("tensors", digest),
    ...(metadata.has("manifest") ? { manifest: file("metadata.manifest", metadata.get("manifest")) } : {}),
  };
  for (const [name, shard] of shardOf) {
    if (!digests.shards.has(shard)) refuse(`metadata.shards[${quoted(shard)}]`, undefined, `weight_map names it`);
    if (!digests.tensors.has(name)) refuse(`metadata.tensors[${quoted(name)}]`, undefined, `weight_map names it`);
  }
  return { shardOf, digests };
}

const FILE_RULE = "use the plain name of a file beside the index, ending in .safetensors";

/** A name from outside may not lead out of the place: no separators, no drive, no dot at the start. */
function isFileName(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}\.safetensors$/.test(value);
}
