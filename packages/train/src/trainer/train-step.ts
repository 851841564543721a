// One step of training. All batches of the step run first, their gradients summing up on the backend; the last one's graph
// ends with the updates of the parameters, so that one graph runs per batch. A step's rows are there once each, as a table
// that batches look up in, whose gradient is summed as that of any embedding. While the last graph runs, the host reads the
// rows' moments, draws the next step and reads its rows. What needs numbers on the host comes after: biases of routers,
// and the changes of rows.

import type { Backend, Model } from "@engram-ts/core";
import type { DenseOptimizer } from "../optimizers/dense-optimizer.js";
import { addEmbedded } from "../optimizers/embedding-gradient.js";
import type { RowOptimizer } from "../optimizers/row-optimizer.js";
import type { BatchQueue, PreparedBatch } from "./batch-queue.js";
import type { StepClock } from "./step-clock.js";
import type { TrainingConfig } from "./training-config.js";
import { type BatchRows, type PassResult, type RecordedPass, recordPass, runPass } from "./training-pass.js";

/** What a step works on. */
export interface StepParts<T> {
  readonly model: Model<T>;
  readonly config: TrainingConfig;
  readonly optimizer: DenseOptimizer<T>;
  /** By block. */
  readonly tables: ReadonlyMap<number, RowOptimizer>;
  readonly queue: BatchQueue;
  readonly clock: StepClock;
}

/** What the gradients of a step came to, before rows are changed. */
export interface StepGradients {
  /** Nats, the mean over all targets of the step. */
  readonly loss: number;
  /** Of all gradients together. */
  readonly norm: number;
  /** What clips those of rows, and takes the loss's scale from them. */
  readonly factor: number;
  /** Tokens that chose each expert, by block. */
  readonly loads: ReadonlyMap<number, Float32Array>;
  /** Gradients of the step's rows `[capacity, width]`, by block, where the loss depends on them. */
  readonly rows: ReadonlyMap<number, Float32Array>;
}

/** More than any norm: for runs that do not clip, whose calls are the same. */
const NO_LIMIT = 1e30;

/** Which step it is. */
interface StepRate {
  /** From 1. */
  readonly step: number;
  /** The schedule's factor. */
  readonly rateFactor: number;
}

/** Runs all batches of a step and updates all parameters that gradients train. */
export async function runBatches<T>(
  parts: StepParts<T>,
  batches: readonly PreparedBatch[],
  rate: StepRate,
): Promise<StepGradients> {
  const { model, config, optimizer, tables, clock } = parts;
  const { backend } = model;
  const targets = batches.reduce((sum, { counted }) => sum + counted, 0);
  const scale = lossScale(batches);
  const loads = new Map<number, Float32Array>();
  let dense = new Map<string, T>();
  let loss = 0;
  let result: PassResult = { loss: 0, loads, others: [] };
  let summed: number[] = []; // blocks whose rows have gradients
  clock.enter("rows");
  await Promise.all([...tables.values()].map((table) => table.begin()));
  clock.enter("upload");
  const uploaded = uploadRows(parts);
  const rowTables = new Map([...uploaded].map(([layer, table]) => [rowsName(layer), table]));
  const ofRows = new Set(uploaded.values());
  try {
    for (const [i, batch] of batches.entries()) {
      clock.enter("record");
      const share = batch.counted / targets;
      const rows = new Map<number, BatchRows<T>>();
      for (const [layer, table] of uploaded) rows.set(layer, { table, places: placesOf(tables.get(layer), i) });
      const pass = recordPass(model, batch, rows, { trained: optimizer.trained, scale: share * scale });
      const [rowGradients, others] = parted(pass.embedded, ({ table }) => ofRows.has(table));
      addEmbedded(backend, others, optimizer.trained, pass.dense);
      clock.enter("rowUpdate"); // sorting and the like; the sums are the graph's
      addEmbedded(backend, rowGradients, rowTables, pass.dense);
      clock.enter("record");
      dense = accumulated(backend, dense, pass.dense);
      let wanted: T[] = [];
      if (i === batches.length - 1) {
        summed = [...tables.keys()].filter((layer) => dense.has(rowsName(layer)));
        wanted = updateParameters(parts, dense, summed, { ...rate, scale });
      }
      result = await runAhead(parts, pass, wanted);
      loss += result.loss * share;
      addLoads(loads, result.loads);
    }
  } finally {
    backend.dispose(uploaded.values());
  }
  const [norms, ...gradients] = result.others;
  const norm = norms?.[0] ?? Number.NaN;
  const most = config.clip ?? NO_LIMIT;
  const rows = new Map(gradients.map((gradient, t) => [summed[t] as number, gradient])); // one each
  return { loss, norm, factor: (norm > most ? most / norm : 1) / scale, loads, rows };
}

/**
 * The gradients of the mean are so small that an engine which multiplies in half precision loses some; those of the sum are
 * not. A power of two near the number of tokens, which takes nothing from float32, and which is the same for equal shapes.
 */
function lossScale(batches: readonly PreparedBatch[]): number {
  const tokens = batches.reduce((sum, batch) => sum + batch.tokens.ids.length, 0);
  return 2 ** Math.round(Math.log2(tokens));
}

/** The name of a table's gradient among those of parameters, which have no spaces. */
function rowsName(layer: number): string {
  return `rows ${layer}`;
}

/** The step's rows of each table, on the backend; the caller's to dispose of. */
function uploadRows<T>({ model: { backend }, tables }: StepParts<T>): Map<number, T> {
  const uploaded = new Map<number, T>();
  for (const [layer, table] of tables) {
    const { width } = table.table.rows.table.encoding;
    const values = table.values();
    uploaded.set(layer, backend.upload(values, [values.length / width, width]));
  }
  return uploaded;
}

function parted<V>(values: readonly V[], first: (value: V) => boolean): readonly [V[], V[]] {
  return [values.filter(first), values.filter((value) => !first(value))];
}

function placesOf(table: RowOptimizer | undefined, batch: number): Uint32Array {
  return table?.places(batch) ?? new Uint32Array(0);
}

/**
 * Runs a batch's graph, and meanwhile does what the host can do.
 * @param wanted besides; empty for all batches but the last.
 */
async function runAhead<T>(parts: StepParts<T>, pass: RecordedPass<T>, wanted: readonly T[]): Promise<PassResult> {
  const { model, tables, queue, clock } = parts;
  clock.enter("graph");
  const running = runPass(model.backend, pass, wanted);
  running.catch(() => undefined); // awaited below, after what the host does meanwhile
  const began = performance.now();
  if (wanted.length > 0) {
    for (const table of tables.values()) table.prefetchMoments();
    await queue.prefetch();
  }
  clock.hide((performance.now() - began) / 1000);
  const result = await running;
  clock.enter("rowUpdate");
  return result;
}

/** Adds gradients to those of earlier batches, whose tensors stay. */
function accumulated<T>(backend: Backend<T>, sums: Map<string, T>, more: ReadonlyMap<string, T>): Map<string, T> {
  if (sums.size === 0) return new Map(more);
  for (const [name, gradient] of more) {
    const sum = sums.get(name);
    if (sum === undefined) sums.set(name, gradient);
    else {
      backend.updates.accumulate(sum, gradient);
      backend.dispose([gradient]);
    }
  }
  return sums;
}

/**
 * Records clipping and the updates of all parameters, whose gradients are disposed of.
 * @param gradients of parameters and rows, by name.
 * @param summed the blocks whose rows are among them.
 * @returns the norm, `[1]`, and the gradients of these rows.
 */
function updateParameters<T>(
  { model, config, optimizer }: StepParts<T>,
  gradients: ReadonlyMap<string, T>,
  summed: readonly number[],
  { step, rateFactor, scale }: StepRate & { readonly scale: number },
): T[] {
  const { backend } = model;
  const { norm, factor } = backend.updates.clip([...gradients.values()], config.clip ?? NO_LIMIT, scale);
  optimizer.update(gradients, { step, rateFactor, clip: factor });
  const ofRows = new Set(summed.map(rowsName));
  backend.dispose([factor]);
  for (const [name, gradient] of gradients) if (!ofRows.has(name)) backend.dispose([gradient]);
  return [norm, ...summed.map((layer) => gradients.get(rowsName(layer)) as T)]; // they are among them
}

function addLoads(sums: Map<number, Float32Array>, loads: ReadonlyMap<number, Float32Array>): void {
  for (const [layer, load] of loads) {
    const sum = sums.get(layer);
    sums.set(layer, sum === undefined ? load.slice() : sum.map((tokens, e) => tokens + (load[e] ?? 0)));
  }
}
