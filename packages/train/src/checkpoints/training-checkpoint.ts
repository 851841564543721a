// Everything that the next step depends on, saved and brought back: the model as core's checkpoint, the moments of its
// parameters, the rows that training changed with theirs, the step, and the data's position. `training.json` is written
// last: a save that was killed, or that met a full disk, is no checkpoint, and the one before is as it was.

import {
  type BlockKindOptions,
  type CheckpointStorage,
  EngramError,
  findTensor,
  loadCheckpoint,
  type Model,
  saveCheckpoint,
  type TensorData,
  tensorValues,
} from "@engram-ts/core";
import type { DenseOptimizer } from "../optimizers/dense-optimizer.js";
import type { RowOptimizer } from "../optimizers/row-optimizer.js";
import type { TrainingConfig } from "../trainer/training-config.js";
import { restoreRows, saveRows } from "./row-files.js";
import { readTensors, writeTensors } from "./tensor-files.js";
import { RECORD_NAME, RECORD_VERSION, type RecordedFile, readRecord, writeRecord } from "./training-record.js";

/** What is saved. */
export interface TrainingContents<T> {
  readonly model: Model<T>;
  readonly config: TrainingConfig;
  readonly optimizer: DenseOptimizer<T>;
  readonly tables: ReadonlyMap<number, RowOptimizer>;
  readonly step: number;
  readonly position: unknown;
}

/** Most bytes of moments in a file, where a tensor is not larger by itself. */
const FILE_BYTES = 2 ** 28;

/** Writes a checkpoint into an empty place. */
export async function saveTraining<T>(
  storage: CheckpointStorage,
  { model, config, optimizer, tables, step, position }: TrainingContents<T>,
  options: BlockKindOptions & { readonly signal?: AbortSignal },
): Promise<void> {
  const { backend, spec } = model;
  const { signal } = options;
  const read = async (tensor: T) => ({ shape: backend.shape(tensor), values: await backend.download(tensor) });
  const parameters = new Map<string, { readonly shape: readonly number[]; readonly values: Float32Array }>();
  for (const [name, tensor] of model.parameters) parameters.set(name, await read(tensor));
  await saveCheckpoint(storage, spec, parameters, options);
  parameters.clear();
  const moments: RecordedFile[] = [];
  let part = new Map<string, TensorData>();
  let bytes = 0;
  const write = async () => {
    signal?.throwIfAborted();
    const name = `optimizer-${String(moments.length + 1).padStart(5, "0")}.safetensors`;
    moments.push(await writeTensors(storage, name, part));
    part = new Map();
    bytes = 0;
  };
  for (const [name, tensor] of optimizer.moments) {
    const { shape, values } = await read(tensor);
    if (part.size > 0 && bytes + values.byteLength > FILE_BYTES) await write();
    part.set(name, { dtype: "F32", shape, data: values });
    bytes += values.byteLength;
  }
  await write();
  const saved: { layer: number; rows: number; files: RecordedFile[] }[] = [];
  for (const [layer, table] of tables) {
    const { rows } = table.table.rows.table;
    saved.push({ layer, rows, files: await saveRows(storage, layer, table, signal) });
  }
  signal?.throwIfAborted();
  await writeRecord(storage, { version: RECORD_VERSION, step, position, config, optimizer: moments, tables: saved });
}

/**
 * Reads a checkpoint into a model, its optimizers and its tables.
 * @param changing called once the checkpoint is known to fit, before anything is changed.
 * @returns the steps taken, and where the data goes on.
 */
export async function restoreTraining<T>(
  storage: CheckpointStorage,
  { model, optimizer, tables }: Pick<TrainingContents<T>, "model" | "optimizer" | "tables">,
  options: BlockKindOptions,
  changing: () => void,
): Promise<{ readonly step: number; readonly position: unknown }> {
  const record = await readRecord(storage);
  if (record === undefined) {
    throw new EngramError({
      code: "not-found",
      operation: "trainer.restore",
      message: `there is no ${RECORD_NAME} in ${storage.name}: its save did not end, or it is a model alone; use another checkpoint`,
      context: { file: RECORD_NAME },
    });
  }
  const { spec, parameters } = await loadCheckpoint(storage, options);
  checkModel(storage, JSON.stringify(spec) === JSON.stringify(model.spec), "its config.json is not this model's");
  const layers = record.tables.map(({ layer, rows }) => `${layer} (${rows} rows)`).join(", ");
  const own = [...tables].map(([layer, { table }]) => `${layer} (${table.rows.table.rows} rows)`).join(", ");
  checkModel(storage, layers === own, `it has tables of blocks ${layers || "none"}, and the run ${own || "none"}`);
  const { backend } = model;
  const moments = new Map<string, Float32Array>();
  for (const file of record.optimizer) {
    const content = await readTensors(storage, file);
    for (const name of content.header.tensors.keys()) {
      const tensor = optimizer.moments.get(name);
      const values = tensorValues(content, name);
      const { shape } = findTensor(content, name);
      const fits =
        tensor !== undefined && values instanceof Float32Array && backend.shape(tensor).join() === shape.join();
      checkModel(
        storage,
        fits,
        `the moments ${name} are not of this run; were its matrices trained by another optimizer?`,
      );
      if (values instanceof Float32Array) moments.set(name, values);
    }
  }
  for (const name of optimizer.moments.keys()) {
    checkModel(
      storage,
      moments.has(name),
      `the moments ${name} are missing; were its matrices trained by another optimizer?`,
    );
  }
  changing();
  for (const { layer, files } of record.tables) {
    const table = tables.get(layer);
    if (table !== undefined) await restoreRows(storage, { layer, step: record.step, files }, table);
  }
  for (const [name, { values }] of parameters) {
    const tensor = model.parameters.get(name);
    if (tensor !== undefined) backend.updates.write(tensor, Float32Array.from(values));
  }
  for (const [name, values] of moments) {
    const tensor = optimizer.moments.get(name);
    if (tensor !== undefined) backend.updates.write(tensor, values);
  }
  return { step: record.step, position: record.position };
}

function checkModel(storage: CheckpointStorage, fits: boolean, what: string): void {
  if (fits) return;
  throw new EngramError({
    code: "manifest-mismatch",
    operation: "trainer.restore",
    message: `the checkpoint in ${storage.name} is another run's: ${what}`,
    context: { storage: storage.name },
  });
}
