// A model with seeded weights for both sides of a comparison: parameters and tables in this process, and the same as a
// checkpoint and a file of tables for the other one. Not here: engines.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  decodeRows,
  encodeRows,
  encodeSafetensors,
  type ModelSpec,
  memoryTables,
  modelParameters,
  type NamedTensor,
  type RowStore,
  saveCheckpoint,
  type TensorData,
  tableInfo,
} from "@engram-ts/core";
import { openDramStore } from "@engram-ts/store-dram";
import { directoryStorage } from "@engram-ts/store-file";
import { matrixBound, seededValues, seedOf } from "./seeded-values.js";

/** A model's weights, here and as files. */
export interface ComputeFixture {
  readonly spec: ModelSpec;
  readonly parameters: ReadonlyMap<string, NamedTensor>;
  /** The table of each block with an engram. */
  readonly tables: ReadonlyMap<number, RowStore>;
  /** Values outside the tables. */
  readonly parameterCount: number;
  /** The checkpoint's folder. */
  readonly checkpoint: string;
  /** A safetensors file with the tables' values. */
  readonly tablesFile: string;
  /** Names of the matrices, which an engine may keep in a narrower type. */
  readonly matrices: ReadonlySet<string>;
  /** Names of parameters that training changes: all but the token embedding, whose rows are leaves, and biases of balancing. */
  readonly trained: ReadonlySet<string>;
  close(): Promise<void>;
}

/** Makes the weights of a specification and writes the files, which `close` removes. */
export async function computeFixture(spec: ModelSpec): Promise<ComputeFixture> {
  const folder = mkdtempSync(join(tmpdir(), "engram-compute-"));
  const parameters = new Map<string, NamedTensor>();
  const trained = new Set<string>();
  const matrices = new Set<string>();
  let parameterCount = 0;
  for (const { name, shape, component, initial, untrained } of modelParameters(spec)) {
    if (component === "engram tables") continue;
    const size = shape.reduce((product, side) => product * side, 1);
    // norms near 1 and biases near 0, so that nothing is left out of the comparison
    const bound = initial === "normal" ? matrixBound(shape.at(-1) ?? 1) : 0.1;
    parameters.set(name, { shape, values: seededValues(size, bound, seedOf(name), initial === "ones" ? 1 : 0) });
    parameterCount += size;
    if (initial === "normal" && shape.length > 1) matrices.add(name);
    if (name !== "embedding.weight" && !untrained) trained.add(name);
  }
  const checkpoint = join(folder, "checkpoint");
  await saveCheckpoint(directoryStorage(checkpoint), spec, parameters);

  const tables = new Map<number, RowStore>();
  const tensors = new Map<string, TensorData>();
  const { memory } = spec;
  for (const { layer, rows } of memory === undefined ? [] : memoryTables(memory)) {
    if (memory === undefined) break;
    const { encoding } = memory;
    const table = tableInfo({ rows, encoding });
    const encoded = new Uint8Array(rows * table.rowBytes);
    encodeRows(encoding, seededValues(rows * encoding.width, 1, layer), encoded);
    const values = new Float32Array(rows * encoding.width);
    decodeRows(encoding, encoded, values);
    tensors.set(`blocks.${layer}.engram.table`, { dtype: "F32", shape: [rows, encoding.width], data: values });
    const initialize = (first: number, out: Uint8Array) =>
      out.set(encoded.subarray(first * table.rowBytes, first * table.rowBytes + out.length));
    tables.set(layer, await openDramStore({ table, initialize, hugePages: "off" }));
  }
  const tablesFile = join(folder, "tables.safetensors");
  writeFileSync(tablesFile, encodeSafetensors(tensors));
  return {
    spec,
    parameters,
    tables,
    parameterCount,
    checkpoint,
    tablesFile,
    matrices,
    trained,
    async close() {
      for (const table of tables.values()) await table.close();
      rmSync(folder, { recursive: true });
    },
  };
}
