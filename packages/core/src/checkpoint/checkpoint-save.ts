// Writes a model as a checkpoint: config.json, shards, and the index last, which makes it one. A save that was killed is
// taken up by calling it again: what is there already, byte for byte, stays. A checkpoint that is complete is never
// written over by another one, so readers see a whole checkpoint or none. One shard is in memory at a time.

import { EngramError } from "../errors.js";
import type { BlockKindOptions } from "../model/block-kinds.js";
import type { ModelSpec } from "../model/model-spec.js";
import { modelParameters } from "../model/parameters.js";
import type { NamedTensors } from "../reference/named-tensors.js";
import {
  type CheckpointFile,
  type CheckpointIndex,
  CONFIG_NAME,
  INDEX_NAME,
  serializeIndex,
} from "./checkpoint-index.js";
import { readTables } from "./checkpoint-manifest.js";
import { type CheckpointStorage, readExactly } from "./checkpoint-storage.js";
import { hexDigest } from "./checkpoint-tensors.js";
import { denseBytes } from "./dtype.js";
import { quoted } from "./header-json.js";
import { valuesOf } from "./parameter-names.js";
import { encodeSafetensors, type TensorData } from "./safetensors-writer.js";
import {
  encodeWeight,
  type StoredTensor,
  storedTensors,
  WEIGHT_ENCODINGS,
  type WeightEncoding,
} from "./weight-encoding.js";

/** How a checkpoint is written. */
export interface SaveCheckpointOptions extends BlockKindOptions {
  /** Most bytes of a shard's values, 1 to 2^31 - 2^24; a larger parameter has a shard of its own. Default 2^30. */
  readonly shardBytes?: number;
  /** How matrices are written. Default `f32`. */
  readonly encoding?: WeightEncoding;
  /** Ends the save between two files; calling it again takes it up. */
  readonly signal?: AbortSignal;
}

/** A checkpoint that was written. */
export interface SavedCheckpoint {
  /** The shards, in order. */
  readonly shards: readonly string[];
  /** Files that were written; the others were there. */
  readonly written: readonly string[];
  /** Bytes of all shards. */
  readonly bytes: number;
}

const operation = "saveCheckpoint";

/** Most bytes of a shard's values: with a header before them, what WebCrypto digests in one call, 2^31 - 1. */
const MAX_SHARD_BYTES = 2 ** 31 - 2 ** 24;

/** Bytes that are compared at a time with what is there. */
const COMPARED_BYTES = 2 ** 23;

/**
 * Saves a model's parameters. Where the model's tables lie in the same place (`engram.json`), the checkpoint notes their
 * manifest's digest: write tables first.
 * @param parameters by the names of `modelParameters`, all but tables.
 * @throws EngramError `invalid-argument` for the options, for a parameter that is missing, left over or misshapen, for
 * NaN or infinities in int8, and where the place has another complete checkpoint; `unsupported` where a parameter takes
 * more than 2^31 - 2^24 bytes; `manifest-mismatch` where the tables
 * are another model's; `aborted`; what the storage throws.
 */
export async function saveCheckpoint(
  storage: CheckpointStorage,
  spec: ModelSpec,
  parameters: NamedTensors,
  options: SaveCheckpointOptions = {},
): Promise<SavedCheckpoint> {
  const { shardBytes = 2 ** 30, encoding = "f32", signal } = options;
  if (!Number.isSafeInteger(shardBytes) || shardBytes < 1 || shardBytes > MAX_SHARD_BYTES) {
    throw refused(`options.shardBytes is ${String(shardBytes)}; use a whole number from 1 to ${MAX_SHARD_BYTES}`);
  }
  if (!WEIGHT_ENCODINGS.includes(encoding)) {
    throw refused(`options.encoding is ${JSON.stringify(encoding)}; use one of ${WEIGHT_ENCODINGS.join(", ")}`);
  }
  const planned = plannedShards(spec, parameters, encoding, shardBytes, options);
  const complete = (await storage.size(INDEX_NAME)) !== undefined;
  const written: string[] = [];
  const put = async (file: string, bytes: Uint8Array): Promise<CheckpointFile> => {
    signal?.throwIfAborted();
    if (!(await holds(storage, file, bytes))) {
      if (complete) {
        throw refused(
          `${storage.name} has a complete checkpoint whose ${file} is another one; save into an empty place, or remove ${INDEX_NAME} first`,
          { file },
        );
      }
      await storage.write(file, bytes);
      written.push(file);
    }
    return { bytes: bytes.length, sha256: await hexDigest(bytes) };
  };
  try {
    const tables = await readTables(storage, spec, operation);
    const config = await put(CONFIG_NAME, utf8(`${JSON.stringify(spec, undefined, 2)}\n`));
    const shardOf = new Map<string, string>();
    const shards = new Map<string, CheckpointFile>();
    const tensors = new Map<string, string>();
    let bytes = 0;
    let values = 0;
    for (const [i, entries] of planned.entries()) {
      const file = `model-${number(i + 1)}-of-${number(planned.length)}.safetensors`;
      const content = new Map<string, TensorData>();
      for (const { stored, name } of entries) {
        const tensor = parameters.get(name);
        if (tensor === undefined) continue; // plannedShards has seen it
        for (const [own, data] of encodeWeight(stored, tensor)) content.set(own, data);
      }
      for (const [name, { data }] of content) {
        shardOf.set(name, file);
        tensors.set(name, await hexDigest(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)));
        values += data.byteLength;
      }
      const shard = await put(file, encodeSafetensors(content, new Map([["format", "pt"]])));
      shards.set(file, shard);
      bytes += shard.bytes;
    }
    const manifest = tables && { manifest: tables.file };
    const index: CheckpointIndex = { shardOf, digests: { config, shards, tensors, ...manifest } };
    await put(INDEX_NAME, utf8(serializeIndex(index, values)));
    return { shards: [...shards.keys()], written, bytes };
  } catch (cause) {
    if (!signal?.aborted || cause !== signal.reason) throw cause;
    const message = "the save was aborted; call it again to take it up";
    throw new EngramError({ code: "aborted", operation, message, cause });
  }
}

/** A parameter and the tensors that it becomes. */
interface PlannedParameter {
  readonly name: string;
  readonly stored: readonly StoredTensor[];
}

/** Shards in the model's order, each as full as can be; a parameter's tensors stay together. */
function plannedShards(
  spec: ModelSpec,
  parameters: NamedTensors,
  encoding: WeightEncoding,
  shardBytes: number,
  options: BlockKindOptions,
): readonly (readonly PlannedParameter[])[] {
  const shards: PlannedParameter[][] = [];
  const seen = new Set<string>();
  const expected = new Set<string>();
  let filled = Number.POSITIVE_INFINITY;
  for (const parameter of modelParameters(spec, options)) {
    const { name, shape, component } = parameter;
    if (component === "engram tables") continue;
    expected.add(name);
    const given = parameters.get(name);
    const sides = shape.join(", ");
    if (given === undefined)
      throw refused(`parameter ${quoted(name)} of shape [${sides}] is missing`, { tensor: name });
    if (given.shape.join(", ") !== sides || given.values.length !== valuesOf(shape)) {
      throw refused(
        `parameter ${quoted(name)} has shape [${given.shape.join(", ")}] and ${given.values.length} values, expected [${sides}]`,
        { tensor: name },
      );
    }
    const stored = storedTensors(parameter, encoding).filter((one) => one !== undefined);
    let bytes = 0;
    for (const one of stored) {
      bytes += Number(denseBytes(one.dtype, one.shape)); // whole bytes: none of these types is smaller than one
      if (seen.has(one.name)) {
        throw refused(`two tensors would be named ${quoted(one.name)}; rename the parameter of your own kind`, {
          tensor: one.name,
        });
      }
      seen.add(one.name);
    }
    if (bytes > MAX_SHARD_BYTES) {
      const message = `parameter ${quoted(name)} takes ${bytes} bytes as ${encoding}, and at most ${MAX_SHARD_BYTES} can be written; use a narrower encoding`;
      throw new EngramError({ code: "unsupported", operation, message, context: { tensor: name, bytes } });
    }
    if (filled + bytes > shardBytes) {
      shards.push([]);
      filled = 0;
    }
    shards.at(-1)?.push({ name, stored });
    filled += bytes;
  }
  const extra = [...parameters.keys()].filter((name) => !expected.has(name));
  if (extra.length === 0) return shards;
  throw refused(`${extra.slice(0, 8).map(quoted).join(", ")}: no parameters of this model; leave them out`, {
    tensor: extra[0],
  });
}

/** Whether a file is there with just these bytes. */
async function holds(storage: CheckpointStorage, file: string, bytes: Uint8Array): Promise<boolean> {
  if ((await storage.size(file)) !== bytes.length) return false;
  for (let at = 0; at < bytes.length; at += COMPARED_BYTES) {
    const expected = bytes.subarray(at, at + COMPARED_BYTES);
    const found = await readExactly(storage, file, at, expected.length, operation);
    for (let i = 0; i < expected.length; i++) if (found[i] !== expected[i]) return false;
  }
  return true;
}

function number(value: number): string {
  return String(value).padStart(5, "0");
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function refused(message: string, context: Readonly<Record<string, unknown>> = {}): EngramError {
  return new EngramError({ code: "invalid-argument", operation, message, context });
}
