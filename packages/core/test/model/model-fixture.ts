// Small models on the reference backend, with weights that leave nothing out: norms not at 1, convolutions, biases and
// hyper-connections not at 0. Rows are made up, value by value, from their ids.

import { createModel, type Model } from "../../src/model/forward-model.js";
import type { ModelSpec } from "../../src/model/model-spec.js";
import { memoryTables, memoryWidth, modelParameters } from "../../src/model/parameters.js";
import { type ModelPresetName, modelPreset } from "../../src/model/presets.js";
import type { AddressedModel, RowsNeeded } from "../../src/model/rows-needed.js";
import { uniformValues } from "../../src/model/uniform-values.js";
import { referenceBackend } from "../../src/reference/reference-backend.js";
import type { ReferenceTensor } from "../../src/reference/tensor.js";
import { deterministicRows } from "../../src/rows/deterministic-rows.js";
import { tableInfo } from "../../src/rows/table.js";
import { type ScriptedOptions, type ScriptedStore, scriptedStore } from "../store/scripted-store.js";

/** Presets whose tokens are bytes: the quick ones. Together they have every kind of everything. */
export const SMALL_PRESETS = ["tiny-mla-moe", "tiny-gqa-dense", "tiny-v4.1", "tiny-qwen-ple"] as const;

/** A model with every parameter random. */
export function busyModel(preset: ModelPresetName | ModelSpec, seed = 1): Model<ReferenceTensor> {
  const spec = typeof preset === "string" ? modelPreset(preset) : preset;
  const backend = referenceBackend();
  const parameters = new Map<string, ReferenceTensor>();
  modelParameters(spec).forEach(({ name, shape, component, initial }, i) => {
    if (component === "engram tables") return;
    const size = shape.reduce((product, side) => product * side, 1);
    const bound = initial === "normal" ? Math.sqrt(3 / (shape.at(-1) ?? 1)) : 0.4;
    const offset = initial === "ones" ? 1 : 0;
    const values = Float64Array.from(uniformValues(size, bound, seed, i), (value) => value + offset);
    parameters.set(name, backend.upload(values, shape));
  });
  return createModel({ spec, backend, parameters });
}

/** What the model's tables would have at these rows, `[N, memory width]`: random values, the same for the same row. */
export function madeUpRows(model: AddressedModel, { layer, rowIds }: RowsNeeded): Float32Array {
  const { memory } = model.spec;
  if (memory === undefined) throw new Error("the model has no memory");
  const width = memory.encoding.width;
  const tokens = rowIds.length / (memoryWidth(memory) / width);
  const rows = new Float32Array(tokens * memoryWidth(memory));
  rowIds.forEach((row, i) => {
    rows.set(uniformValues(width, 1, row, layer), i * width);
  });
  return rows;
}

/** Token ids below `vocabulary`, some of them repeated. */
export function someIds(length: number, vocabulary: number, seed = 3): Uint32Array {
  return Uint32Array.from(uniformValues(length, 1, seed, 0), (value) =>
    Math.floor(((value + 1) / 2) * vocabulary * 0.99),
  );
}

/** Stores with deterministic rows for every table of a model, as they come (`now`), a turn later, or by the test's hand. */
export function madeUpTables(
  model: AddressedModel,
  arrival: ScriptedOptions["arrival"] = "now",
): Map<number, ScriptedStore> {
  const { memory } = model.spec;
  const stores = new Map<number, ScriptedStore>();
  if (memory === undefined) return stores;
  for (const { layer, rows } of memoryTables(memory)) {
    const table = tableInfo({ rows, encoding: memory.encoding });
    stores.set(layer, scriptedStore(table, deterministicRows(table, layer), { arrival, maxBatch: 2 ** 16 }));
  }
  return stores;
}
