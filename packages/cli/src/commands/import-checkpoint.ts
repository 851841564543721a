// A checkpoint folder on disk as core's CheckpointSource: its safetensors files with checked headers, its config.json, and
// where its tokenizer is. Files that the index names and that are not there are remembered, for a good message when their
// tensors are missed: the other shards of a model are not needed to import its tables.

import { type FileHandle, open, readdir, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import {
  type CheckpointShard,
  type CheckpointSource,
  EngramError,
  isEngramError,
  MAX_URI_LENGTH,
  parseSafetensorsHeader,
  type SafetensorsHeader,
  safetensorsHeaderBytes,
} from "@engram-ts/core";
import { fileError, readJsonFile } from "../input-file.js";

/** An opened checkpoint. */
export interface CheckpointFolder {
  /** The folder that shard names are relative to. */
  readonly folder: string;
  readonly source: CheckpointSource;
  /** Tensors of files that the index names and that are not there, with the file's name. */
  readonly missing: ReadonlyMap<string, string>;
}

const INDEX = "model.safetensors.index.json";
const INDEX_LIMIT_BYTES = 256 * 2 ** 20;
const CONFIG_LIMIT_BYTES = 16 * 2 ** 20;
const operation = "engram import";

/**
 * Opens a folder, or a single safetensors file.
 * @throws EngramError `not-found`, `permission-denied`, `truncated`, `invalid-safetensors` naming the file, `io`.
 */
export async function openCheckpoint(path: string): Promise<CheckpointFolder> {
  const at = resolve(path);
  const info = await stat(at).catch((cause: unknown) => Promise.reject(fileError(cause, path, operation)));
  const folder = info.isDirectory() ? at : dirname(at);
  const index = info.isDirectory() ? await readIndex(folder) : new Map<string, string>();
  const there = await readdir(folder).catch((cause: unknown) => Promise.reject(fileError(cause, folder, operation)));
  const named = [...new Set(index.values())].sort();
  const all = there.filter((name) => name.endsWith(".safetensors")).sort();
  let names = info.isDirectory() ? (named.length > 0 ? named : all) : [basename(at)];
  names = names.filter((name) => there.includes(name));
  if (names.length === 0) {
    throw new EngramError({
      code: "not-found",
      operation,
      message: `${path} holds no safetensors file${named.length > 0 ? ` of the ${named.length} that its ${INDEX} names` : ""}; give the checkpoint's folder or one of its files`,
      context: { path },
    });
  }
  const shards: CheckpointShard[] = [];
  for (const name of names) shards.push({ uri: name, header: await readHeader(join(folder, name)) });
  const config = there.includes("config.json")
    ? { config: await readJsonFile(join(folder, "config.json"), CONFIG_LIMIT_BYTES, operation) }
    : {};
  const missing = new Map([...index].filter(([, file]) => !there.includes(file)));
  return {
    folder,
    source: { shards, ...config, read: (uri, begin, end) => readBytes(join(folder, uri), begin, end) },
    missing,
  };
}

/** Makes the error for a missing tensor say which file has it. */
export function namingMissingShard(cause: unknown, { missing }: CheckpointFolder): unknown {
  if (!isEngramError(cause, "not-found") || typeof cause.context.tensor !== "string") return cause;
  const wanted = cause.context.tensor.replace(/^.*?(?=layers\.)/, "");
  for (const [tensor, file] of missing) {
    if (tensor !== cause.context.tensor && !tensor.endsWith(`.${wanted}`) && tensor !== wanted) continue;
    return new EngramError({
      code: "not-found",
      operation,
      message: `${file} is missing: the index says that it holds ${tensor}; fetch that file too`,
      context: { file, tensor },
      cause,
    });
  }
  return cause;
}

/** Which file holds each tensor, by the index; empty where there is none. */
async function readIndex(folder: string): Promise<Map<string, string>> {
  const path = join(folder, INDEX);
  let json: unknown;
  try {
    json = await readJsonFile(path, INDEX_LIMIT_BYTES, operation);
  } catch (cause) {
    if (isEngramError(cause, "not-found")) return new Map();
    throw cause;
  }
  const map = typeof json === "object" && json !== null && "weight_map" in json ? json.weight_map : undefined;
  const entries = typeof map === "object" && map !== null ? Object.entries(map) : undefined;
  if (entries === undefined) throw badIndex(path, "it has no weight_map");
  for (const [tensor, file] of entries) {
    const plain =
      typeof file === "string" && /^[A-Za-z0-9._-]+\.safetensors$/.test(file) && file.length <= MAX_URI_LENGTH;
    if (!plain)
      throw badIndex(
        path,
        `its entry for ${JSON.stringify(tensor.slice(0, 80))} is no plain file name ending in .safetensors`,
      );
  }
  return new Map(entries as [string, string][]); // checked above
}

function badIndex(path: string, why: string): EngramError {
  const message = `${path} is no index of safetensors files: ${why}; fetch it again`;
  return new EngramError({ code: "invalid-safetensors", operation, message, context: { path } });
}

async function readHeader(path: string): Promise<SafetensorsHeader> {
  return withFile(path, async (file) => {
    const { size } = await file.stat();
    const start = await readExactly(file, path, 0, Math.min(8, size));
    try {
      const needed = safetensorsHeaderBytes(start, size);
      return parseSafetensorsHeader(await readExactly(file, path, 0, needed), size);
    } catch (cause) {
      if (!isEngramError(cause)) throw cause;
      const { code, retry, context } = cause;
      const message = `${path}: ${cause.message.slice(cause.operation.length + 2)}`;
      throw new EngramError({ code, operation, message, retry, context: { ...context, path }, cause });
    }
  });
}

function readBytes(path: string, begin: number, end: number): Promise<Uint8Array> {
  return withFile(path, (file) => readExactly(file, path, begin, end - begin));
}

async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, "r").catch((cause: unknown) => Promise.reject(fileError(cause, path, operation)));
  try {
    return await use(file);
  } finally {
    await file.close();
  }
}

async function readExactly(file: FileHandle, path: string, position: number, length: number): Promise<Uint8Array> {
  const out = new Uint8Array(length);
  await readInto(file, path, position, out);
  return out;
}

/**
 * Fills `out` from a file.
 * @throws EngramError `truncated` where the file ends before, `io`.
 */
export async function readInto(file: FileHandle, path: string, position: number, out: Uint8Array): Promise<void> {
  for (let filled = 0; filled < out.length; ) {
    const { bytesRead } = await file
      .read(out, filled, out.length - filled, position + filled)
      .catch((cause: unknown) => Promise.reject(fileError(cause, path, operation)));
    if (bytesRead === 0) {
      throw new EngramError({
        code: "truncated",
        operation,
        message: `${path} ends at byte ${position + filled}, and bytes up to ${position + out.length} are wanted; it was cut short, fetch it again`,
        context: { path, end: position + filled, wanted: position + out.length },
      });
    }
    filled += bytesRead;
  }
}
