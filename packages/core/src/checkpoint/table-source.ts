// What is known of a checkpoint when its tables are looked for: the headers of its safetensors files, its config.json,
// and a way to read a few small tensors. Types, and the finding and checking of tensors by name.

import type { AddressingConfig } from "../addressing/addressing-config.js";
import type { StoredDerivation } from "../addressing/derivation.js";
import type { TokenMap } from "../addressing/token-map.js";
import { EngramError } from "../errors.js";
import type { ManifestModule, ManifestRegion } from "../rows/manifest.js";
import type { Dtype } from "./dtype.js";
import { quoted } from "./header-json.js";
import type { SafetensorsHeader, SafetensorsTensor } from "./safetensors-header.js";

/** One safetensors file of a checkpoint. */
export interface CheckpointShard {
  /** The file, relative to the checkpoint: plain names as a manifest's URIs. */
  readonly uri: string;
  readonly header: SafetensorsHeader;
}

/** A checkpoint, as far as its tables go. */
export interface CheckpointSource {
  readonly shards: readonly CheckpointShard[];
  /** The parsed config.json, where there is one. */
  readonly config?: unknown;
  /** Bytes `[begin, end)` of a shard; asked for small tensors alone. */
  read(uri: string, begin: number, end: number): Promise<Uint8Array>;
}

/** What is known beside the checkpoint. */
export interface CheckpointTablesOptions {
  /** Only these layers (0-based blocks); default all that the configuration names. */
  readonly layers?: readonly number[];
  /** The token map of the checkpoint's tokenizer; its compressed count must be the configuration's. */
  readonly tokenMap?: TokenMap;
  /** The addressing, for checkpoints without a config.json, or instead of what it says. */
  readonly addressing?: AddressingConfig;
}

/** How a checkpoint names and cuts its tables. */
export type CheckpointLayout = "deepseek-v4.1" | "qwen3.8" | "engram-demo";

/** The tables of a checkpoint, as they lie. */
export interface CheckpointTables {
  readonly layout: CheckpointLayout;
  readonly addressing: AddressingConfig;
  readonly derived: StoredDerivation;
  /** A manifest's modules, their parts pointing into the shards. */
  readonly modules: readonly ManifestModule[];
}

/** A tensor and the shard that holds it. */
export interface LocatedTensor {
  readonly tensor: SafetensorsTensor;
  readonly shard: CheckpointShard;
}

const operation = "checkpointTables";

/** All tensors whose names a pattern matches, with what the match captured. */
export function matchTensors(
  { shards }: CheckpointSource,
  pattern: RegExp,
): { readonly match: RegExpExecArray; readonly located: LocatedTensor }[] {
  return shards.flatMap((shard) =>
    [...shard.header.tensors.values()].flatMap((tensor) => {
      const match = pattern.exec(tensor.name);
      return match === null ? [] : [{ match, located: { tensor, shard } }];
    }),
  );
}

/** The tensor of a name, or undefined. */
export function tensorNamed({ shards }: CheckpointSource, name: string): LocatedTensor | undefined {
  for (const shard of shards) {
    const tensor = shard.header.tensors.get(name);
    if (tensor !== undefined) return { tensor, shard };
  }
  return undefined;
}

/** @throws EngramError `not-found`: a file of the checkpoint is missing, or the index is of another one. */
export function missingTensor(name: string, source: CheckpointSource, why: string): EngramError {
  return new EngramError({
    code: "not-found",
    operation,
    message: `tensor ${quoted(name)} is in none of the checkpoint's ${source.shards.length} files (${why}); is a shard missing? Fetch the checkpoint again`,
    context: { tensor: name, shards: source.shards.length },
  });
}

/**
 * Checks a tensor's type and shape.
 * @param dtypes those that the layout knows.
 * @param shape the sides; undefined for any.
 * @throws EngramError `unsupported` for another type, `manifest-mismatch` for another shape.
 */
export function checkTensor(
  { tensor, shard }: LocatedTensor,
  dtypes: readonly Dtype[],
  shape: readonly (number | undefined)[],
): void {
  const context = { tensor: tensor.name, shard: shard.uri, dtype: tensor.dtype, shape: tensor.shape };
  if (!dtypes.includes(tensor.dtype)) {
    throw new EngramError({
      code: "unsupported",
      operation,
      message: `tensor ${quoted(tensor.name)} in ${shard.uri} is ${tensor.dtype}, and this layout has ${dtypes.join(" or ")} there; was the checkpoint converted? Take the published one`,
      context,
    });
  }
  const fits =
    shape.length === tensor.shape.length && shape.every((side, i) => (side ?? tensor.shape[i]) === tensor.shape[i]);
  if (fits) return;
  throw new EngramError({
    code: "manifest-mismatch",
    operation,
    message: `tensor ${quoted(tensor.name)} in ${shard.uri} has the shape [${tensor.shape.join(", ")}], and the configuration makes it [${shape.map((side) => side ?? "any").join(", ")}]; take the config.json of this checkpoint`,
    context: { ...context, expected: shape },
  });
}

/** The region of a tensor whose rows lie one after the other. */
export function regionOf({ tensor, shard }: LocatedTensor, rowBytes: number): ManifestRegion {
  return { uri: shard.uri, bytes: shard.header.fileBytes, offset: tensor.begin, stride: rowBytes };
}

/** @throws EngramError `manifest-mismatch`: the checkpoint's rows are not those that its configuration derives. */
export function rowsMismatch(what: string, found: number, derived: number, layer: number): EngramError {
  return new EngramError({
    code: "manifest-mismatch",
    operation,
    message: `${what} has ${found} rows, and the configuration's primes make ${derived} for layer ${layer}: table sizes, heads or layers differ; take the config.json and the tokenizer of this checkpoint`,
    context: { layer, found, derived },
  });
}
