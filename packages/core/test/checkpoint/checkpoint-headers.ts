// Checkpoints by their headers alone: tensors of any size, as the published ones have, without their bytes. Small tensors
// that are read have values.

import { type CheckpointSource, type Dtype, denseBytes, parseSafetensorsHeader } from "@engram-ts/core";

/** A tensor: its type, its shape and, where it is read, its bytes. */
export type HeaderTensor = readonly [dtype: Dtype, shape: readonly number[], bytes?: Uint8Array];

/** Files of tensors as a checkpoint. */
export function checkpointOf(
  files: Readonly<Record<string, Readonly<Record<string, HeaderTensor>>>>,
  config?: unknown,
): CheckpointSource {
  const values = new Map<string, Uint8Array>();
  const shards = Object.entries(files).map(([uri, tensors]) => {
    let at = 0;
    const entries = Object.entries(tensors).map(([name, [dtype, shape]]) => {
      const begin = at;
      at += denseBytes(dtype, shape) as number; // shapes of the tests have sizes
      return [name, { dtype, shape, data_offsets: [begin, at] }];
    });
    const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
    const prefix = new Uint8Array(8 + json.length);
    new DataView(prefix.buffer).setUint32(0, json.length, true);
    prefix.set(json, 8);
    const header = parseSafetensorsHeader(prefix, prefix.length + at);
    for (const [name, [, , bytes]] of Object.entries(tensors)) {
      if (bytes !== undefined) values.set(`${uri} ${header.tensors.get(name)?.begin}`, bytes);
    }
    return { uri, header };
  });
  return {
    shards,
    ...(config === undefined ? {} : { config }),
    read(uri, begin) {
      const bytes = values.get(`${uri} ${begin}`);
      return bytes === undefined
        ? Promise.reject(new Error(`${uri} at ${begin} was not to be read`))
        : Promise.resolve(bytes);
    },
  };
}

/** I64 values. */
export const wholes = (...values: (bigint | number)[]): HeaderTensor => {
  const all = BigInt64Array.from(values, BigInt);
  return ["I64", [all.length], new Uint8Array(all.buffer)];
};
