// The rows of a table that training has changed, with their moments, in files of bounded size: a table larger than memory
// is saved piece by piece, and what no step touched is not saved. Values are float32, which holds every encoding that is
// trained. Going back: rows that changed after the checkpoint become what they were before training.

import { type CheckpointStorage, EngramError, findTensor, type Safetensors, tensorValues } from "@engram-ts/core";
import type { RowOptimizer, TrainedTable } from "../optimizers/row-optimizer.js";
import { loadRows, writeRows } from "../optimizers/store-rows.js";
import { fillRows } from "../trainer/initial-rows.js";
import { readTensors, writeTensors } from "./tensor-files.js";
import type { RecordedFile } from "./training-record.js";

/** Most bytes of values and moments in a file. */
const FILE_BYTES = 2 ** 26;

/** Saves the changed rows of a table. */
export async function saveRows(
  storage: CheckpointStorage,
  layer: number,
  optimizer: RowOptimizer,
  signal?: AbortSignal,
): Promise<RecordedFile[]> {
  const { table, touched } = optimizer;
  const { width } = table.rows.table.encoding;
  const most = Math.max(1, Math.floor(FILE_BYTES / (12 * width)));
  const files: RecordedFile[] = [];
  await optimizer.settle();
  for (const ids of touchedIds(touched, most)) {
    signal?.throwIfAborted();
    const values = new Float32Array(ids.length * width);
    const moments = new Float32Array(ids.length * 2 * width);
    await Promise.all([loadRows(table.rows, ids, () => values), loadRows(table.moments, ids, () => moments)]);
    const name = `rows-${layer}-${String(files.length + 1).padStart(5, "0")}.safetensors`;
    const tensors = new Map([
      ["ids", { dtype: "U32" as const, shape: [ids.length], data: ids }],
      ["values", { dtype: "F32" as const, shape: [ids.length, width], data: values }],
      ["moments", { dtype: "F32" as const, shape: [ids.length, 2 * width], data: moments }],
    ]);
    files.push(await writeTensors(storage, name, tensors));
  }
  return files;
}

/**
 * Brings a table to a saved state. Nothing is written where the stores hold it already.
 * @throws EngramError `invalid-argument` where rows may have changed after the checkpoint and nothing says what they were.
 */
export async function restoreRows(
  storage: CheckpointStorage,
  { layer, step, files }: { readonly layer: number; readonly step: number; readonly files: readonly RecordedFile[] },
  optimizer: RowOptimizer,
): Promise<void> {
  await optimizer.discard();
  const { table, touched, heldStep } = optimizer;
  const { rows, encoding } = table.rows.table;
  const { width } = encoding;
  if (heldStep !== step && !isInitial(optimizer)) await resetRows(table, layer);
  touched.fill(0);
  for (const file of files) {
    const content = await readTensors(storage, file);
    const ids = tensorValues(content, "ids");
    if (!(ids instanceof Uint32Array)) throw misshapen(file, "ids are not of type U32");
    const values = floats(content, "values", [ids.length, width], file);
    const moments = floats(content, "moments", [ids.length, 2 * width], file);
    for (const id of ids) if (id >= rows) throw misshapen(file, `row ${id} of a table of ${rows}`);
    if (heldStep !== step) {
      await writeRows(table.rows, ids, values);
      await writeRows(table.moments, ids, moments);
    }
    for (const id of ids) touched[id >>> 3] = (touched[id >>> 3] ?? 0) | (1 << (id & 7));
  }
  optimizer.restored(step);
}

/** Whether no step has changed what the stores hold. */
function isInitial({ table, touched, heldStep }: RowOptimizer): boolean {
  if (heldStep !== undefined) return heldStep === 0;
  const durable = table.rows.capabilities.durable || table.moments.capabilities.durable;
  return !durable && touched.every((byte) => byte === 0);
}

/** Writes all rows as they were before training. */
async function resetRows({ rows, moments, initial }: TrainedTable, layer: number): Promise<void> {
  if (initial === undefined) {
    throw new EngramError({
      code: "invalid-argument",
      operation: "trainer.restore",
      message: `rows of block ${layer} may have changed after the checkpoint; give the table's initial rows (tables.get(${layer}).initial), or stores in memory that are as they were before training`,
      context: { layer },
    });
  }
  await fillRows(rows, initial);
  await fillRows(moments, (_, values) => {
    values.fill(0);
  });
}

function floats(content: Safetensors, name: string, shape: readonly number[], file: RecordedFile): Float32Array {
  const found = findTensor(content, name).shape;
  const values = tensorValues(content, name);
  if (values instanceof Float32Array && found.join() === shape.join()) return values;
  throw misshapen(file, `${name} is [${found.join(", ")}], expected [${shape.join(", ")}] of F32`);
}

function misshapen({ name }: RecordedFile, what: string): EngramError {
  return new EngramError({
    code: "manifest-mismatch",
    operation: "trainer.restore",
    message: `${name}: ${what}; is it another model's checkpoint?`,
    context: { file: name },
  });
}

/** Ids of the rows whose bit is set, in order, some at a time. */
function* touchedIds(touched: Uint8Array, most: number): Generator<Uint32Array> {
  let ids = new Uint32Array(most);
  let count = 0;
  for (let byte = 0; byte < touched.length; byte++) {
    const bits = touched[byte] ?? 0;
    for (let bit = 0; bits >>> bit !== 0; bit++) {
      if (((bits >>> bit) & 1) === 0) continue;
      ids[count++] = byte * 8 + bit;
      if (count < most) continue;
      yield ids;
      ids = new Uint32Array(most);
      count = 0;
    }
  }
  if (count > 0) yield ids.slice(0, count);
}
