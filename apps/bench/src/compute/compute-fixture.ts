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
  type UploadUse,
  uploadUse,
} from "@engram-ts/core";
import { openDramStore } from "@engram-ts/store-dram";
import { directoryStorage } from "@engram-ts/store-file";
import { matrixBound, seededValues, seedOf } from "./seeded-values.js";

/** A model's weights in this process. */
export interface ModelWeights {
  readonly spec: ModelSpec;
  readonly parameters: ReadonlyMap<string, NamedTensor>;
  /** What each parameter is for, to be uploaded. */
  readonly uses: ReadonlyMap<string, UploadUse>;
  /** Names of parameters that training changes: all but the token embedding, whose rows are leaves, and biases of balancing. */
  readonly trained: ReadonlySet<string>;
  /** The table of each block with an engram. */
  readonly tables: ReadonlyMap<number, RowStore>;
  close(): Promise<void>;
}

/** The same weights as files, for another process. */
export interface ComputeFixture {
  readonly spec: ModelSpec;
  /** Values outside the tables. */
  readonly parameterCount: number;
  /** The checkpoint's folder. */
  readonly checkpoint: string;
  /** A safetensors file with the tables' values. */
  readonly tablesFile: string;
  /** Removes the files. */
  close(): void;
}

/** The weights of a specification, equal in every process. */
export async function modelWeights(spec: ModelSpec): Promise<ModelWeights> {
  const parameters = new Map<string, NamedTensor>();
  const uses = new Map<string, UploadUse>();
  const trained = new Set<string>();
  for (const parameter of modelParameters(spec)) {
    const { name, shape, component, initial, untrained } = parameter;
    if (component === "engram tables") continue;
    const size = shape.reduce((product, side) => product * side, 1);
    // norms near 1 and biases near 0, so that nothing is left out of the comparison
    const bound = initial === "normal" ? matrixBound(shape.at(-1) ?? 1) : 0.1;
    parameters.set(name, { shape, values: seededValues(size, bound, seedOf(name), initial === "ones" ? 1 : 0) });
    uses.set(name, uploadUse(parameter));
    if (name !== "embedding.weight" && !untrained) trained.add(name);
  }
  const tables = new Map<number, RowStore>();
  for (const { layer, table, encoded } of encodedTables(spec)) {
    const initialize = (first: number, out: Uint8Array) =>
      out.set(encoded.subarray(first * table.rowBytes, first * table.rowBytes + out.length));
    tables.set(layer, await openDramStore({ table, initialize, hugePages: "off" }));
  }
  const close = async (): Promise<void> => {
    for (const table of tables.values()) await table.close();
  };
  return { spec, parameters, uses, trained, tables, close };
}

/** Writes the weights of a specification as files. */
export async function computeFixture(spec: ModelSpec): Promise<ComputeFixture> {
  const folder = mkdtempSync(join(tmpdir(), "engram-compute-"));
  const checkpoint = join(folder, "checkpoint");
  const weights = await modelWeights(spec);
  await saveCheckpoint(directoryStorage(checkpoint), spec, weights.parameters);
  const tensors = new Map<string, TensorData>();
  for (const { layer, table, encoded } of encodedTables(spec)) {
    const { width } = table.encoding;
    const data = new Float32Array(table.rows * width);
    decodeRows(table.encoding, encoded, data);
    tensors.set(`blocks.${layer}.engram.table`, { dtype: "F32", shape: [table.rows, width], data });
  }
  const tablesFile = join(folder, "tables.safetensors");
  writeFileSync(tablesFile, encodeSafetensors(tensors));
  await weights.close();
  const sizes = [...weights.parameters.values()].map(({ values }) => values.length);
  return {
    spec,
    parameterCount: sizes.reduce((sum, size) => sum + size, 0),
    checkpoint,
    tablesFile,
    close: () => rmSync(folder, { recursive: true }),
  };
}

function encodedTables({ memory }: ModelSpec) {
  if (memory === undefined) return [];
  const { encoding } = memory;
  return memoryTables(memory).map(({ layer, rows }) => {
    const table = tableInfo({ rows, encoding });
    const encoded = new Uint8Array(rows * table.rowBytes);
    encodeRows(encoding, seededValues(rows * encoding.width, 1, layer), encoded);
    return { layer, table, encoded };
  });
}
