// Writes a safetensors file whose tensors may be larger than memory: the header first, then each tensor's bytes as they are
// made. Order and padding are those of the format's reference implementation, as in core's encodeSafetensors.

import { open, rename, rm } from "node:fs/promises";
import { DTYPES, type Dtype, denseBytes, EngramError } from "@engram-ts/core";
import { fileError } from "../input-file.js";

/** A tensor of a file to be written. */
export interface ShardTensor {
  readonly name: string;
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** The values' bytes in order, in pieces of any size. */
  bytes(): Iterable<Uint8Array>;
}

/** A file of a checkpoint. */
export interface Shard {
  readonly file: string;
  readonly tensors: readonly ShardTensor[];
}

/** The size of a tensor. */
export function tensorSize({ name, dtype, shape }: ShardTensor): number {
  const bytes = denseBytes(dtype, shape);
  if (typeof bytes === "number") return bytes;
  throw new EngramError({
    code: "invalid-argument",
    operation: "engram make-fixture",
    message: `tensor ${name} of ${dtype} [${shape.join(", ")}] has no size: ${bytes}`,
  });
}

/**
 * Writes a file whole, or not at all.
 * @returns its size.
 * @throws EngramError `out-of-space`, `permission-denied`, `not-found`, `io`.
 */
export async function writeShard(path: string, tensors: readonly ShardTensor[]): Promise<number> {
  const ordered = [...tensors].sort(
    (a, b) => DTYPES.indexOf(b.dtype) - DTYPES.indexOf(a.dtype) || (a.name < b.name ? -1 : 1), // names are ASCII
  );
  let at = 0;
  const entries = ordered.map((tensor) => {
    const { name, dtype, shape } = tensor;
    const begin = at;
    at += tensorSize(tensor);
    return `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [begin, at] })}`;
  });
  const json = `{"__metadata__":{"format":"pt"},${entries.join(",")}}`;
  const header = new TextEncoder().encode(json.padEnd(Math.ceil(json.length / 8) * 8));
  const length = new Uint8Array(8);
  new DataView(length.buffer).setUint32(0, header.length, true);
  const partial = `${path}.partial-${process.pid}`;
  try {
    const file = await open(partial, "wx");
    try {
      await file.writeFile(length);
      await file.writeFile(header);
      for (const tensor of ordered) for (const piece of tensor.bytes()) await file.writeFile(piece);
    } finally {
      await file.close();
    }
    await rename(partial, path);
  } catch (cause) {
    await rm(partial, { force: true });
    throw fileError(cause, path, "engram make-fixture");
  }
  return 8 + header.length + at;
}
