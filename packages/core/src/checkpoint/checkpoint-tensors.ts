// The tensors of a checkpoint's shards, read by byte ranges: a shard's header when one of its tensors is first asked for,
// then the values that are wanted, and never a shard as a whole. Names are those of the files. Not here: which tensors a
// model has (checkpoint-open.ts).

import { EngramError, isEngramError } from "../errors.js";
import { sha256 } from "../store/verified-digests.js";
import { type CheckpointIndex, INDEX_NAME, MAX_INDEX_BYTES, parseIndex, SINGLE_NAME } from "./checkpoint-index.js";
import { type CheckpointStorage, parseJson, readExactly, readSmall } from "./checkpoint-storage.js";
import { quoted } from "./header-json.js";
import {
  parseSafetensorsHeader,
  type SafetensorsHeader,
  type SafetensorsTensor,
  safetensorsHeaderBytes,
} from "./safetensors-header.js";

/** The tensors of all shards. */
export interface CheckpointTensors {
  readonly index: CheckpointIndex;
  /** The header's entry of a tensor that the index names. */
  find(name: string): Promise<SafetensorsTensor>;
  /** Bytes `[begin, end)` of a tensor's; a whole tensor is compared with its digest where there is one. */
  read(tensor: SafetensorsTensor, begin: number, end: number): Promise<Uint8Array>;
}

/** Lower-case hex of a SHA-256. */
export async function hexDigest(bytes: Uint8Array): Promise<string> {
  // WebCrypto takes no shared memory, and a view of it is typed like any other
  const own = bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : new Uint8Array(bytes);
  return Array.from(await sha256(own), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Opens the shards: by the index, or the one file where there is no index.
 * @throws EngramError `not-found` where there is neither, `invalid-manifest` for an index that is none.
 */
export async function openTensors(
  storage: CheckpointStorage,
  verify: "tensors" | "off",
  operation: string,
): Promise<CheckpointTensors> {
  const headers = new Map<string, Promise<SafetensorsHeader>>();
  const header = (shard: string, bytes?: number): Promise<SafetensorsHeader> => {
    const reading = headers.get(shard) ?? readHeader(storage, shard, bytes, operation);
    headers.set(shard, reading);
    return reading;
  };
  const index = await openIndex(storage, header, operation);
  const { shardOf, digests } = index;
  const shardWith = (name: string): string => {
    const shard = shardOf.get(name);
    if (shard !== undefined) return shard;
    throw new EngramError({
      code: "not-found",
      operation,
      message: `tensor ${quoted(name)} is in none of the ${new Set(shardOf.values()).size} files of ${storage.name}; is it another model's checkpoint?`,
      context: { tensor: name },
    });
  };
  return {
    index,
    async find(name) {
      const shard = shardWith(name);
      const tensor = (await header(shard, digests?.shards.get(shard)?.bytes)).tensors.get(name);
      if (tensor !== undefined) return tensor;
      throw new EngramError({
        code: "manifest-mismatch",
        operation,
        message: `${INDEX_NAME} says that ${shard} has tensor ${quoted(name)}, and it has not; fetch ${shard} and the index again, from one checkpoint`,
        context: { tensor: name, shard },
      });
    },
    async read({ name, begin: at, end: last }, begin, end) {
      const shard = shardWith(name);
      const bytes = await readExactly(storage, shard, at + begin, end - begin, operation);
      const expected = digests?.tensors.get(name);
      if (verify === "off" || expected === undefined || begin > 0 || end < last - at) return bytes;
      const found = await hexDigest(bytes);
      if (found === expected) return bytes;
      throw new EngramError({
        code: "digest-mismatch",
        operation,
        message: `tensor ${quoted(name)} in ${shard} of ${storage.name} has SHA-256 ${found}, and it was saved with ${expected}: it was damaged or changed; fetch ${shard} again`,
        context: { tensor: name, shard, expected, found },
      });
    },
  };
}

async function openIndex(
  storage: CheckpointStorage,
  header: (shard: string) => Promise<SafetensorsHeader>,
  operation: string,
): Promise<CheckpointIndex> {
  const bytes = await readSmall(storage, INDEX_NAME, MAX_INDEX_BYTES, operation);
  if (bytes !== undefined) return parseIndex(parseJson(bytes, INDEX_NAME, "invalid-manifest", operation), operation);
  if ((await storage.size(SINGLE_NAME)) === undefined) {
    throw new EngramError({
      code: "not-found",
      operation,
      message: `${storage.name} has neither ${INDEX_NAME} nor ${SINGLE_NAME}; check the place, or save again where a save was interrupted: the index is written last`,
    });
  }
  const { tensors } = await header(SINGLE_NAME);
  return { shardOf: new Map([...tensors.keys()].map((name) => [name, SINGLE_NAME])) };
}

async function readHeader(
  storage: CheckpointStorage,
  shard: string,
  expected: number | undefined,
  operation: string,
): Promise<SafetensorsHeader> {
  const bytes = await storage.size(shard);
  if (bytes === undefined) {
    throw new EngramError({
      code: "not-found",
      operation,
      message: `${shard} is not in ${storage.name}, and the index names it; fetch it again`,
      context: { shard },
    });
  }
  if (expected !== undefined && bytes !== expected) {
    throw new EngramError({
      code: bytes < expected ? "truncated" : "digest-mismatch",
      operation,
      message: `${shard} in ${storage.name} has ${bytes} bytes, and it was saved with ${expected}; fetch it again`,
      context: { shard, expected, found: bytes },
    });
  }
  try {
    const first = await readExactly(storage, shard, 0, Math.min(8, bytes), operation);
    const length = safetensorsHeaderBytes(first, bytes);
    const prefix = new Uint8Array(length);
    prefix.set(first);
    prefix.set(await readExactly(storage, shard, 8, length - 8, operation), 8);
    return parseSafetensorsHeader(prefix, bytes);
  } catch (cause) {
    if (!isEngramError(cause) || cause.operation === operation) throw cause;
    const said = cause.message.slice(cause.operation.length + 2); // after "operation: "
    const { code, context, retry } = cause;
    const message = `${shard} in ${storage.name}: ${said}`;
    throw new EngramError({ code, operation, message, retry, context: { ...context, shard }, cause });
  }
}
