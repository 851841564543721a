// One step of training. All batches of the step run first, their gradients summing up on the backend; the last one's graph
// ends with the updates of the parameters, so that one graph runs per batch. While it runs, the host reads the moments of
// the step's rows, draws the next step and reads its rows. What needs numbers on the host comes after: biases of
// routers, and the rows.

import type { Backend, Model } from "@engram-ts/core";
import type { DenseOptimizer } from "../optimizers/dense-optimizer.js";
import type { RowOptimizer } from "../optimizers/row-optimizer.js";
import type { BatchQueue, PreparedBatch } from "./batch-queue.js";
import type { StepClock } from "./step-clock.js";
import type { TrainingConfig } from "./training-config.js";
import { recordPass, runPass, uploadMemory } from "./training-pass.js";

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
  /** Of all gradients together; rows of tables count occurrence by occurrence. */
  readonly norm: number;
  /** What clips them. */
  readonly factor: number;
  /** Tokens that chose each expert, by block. */
  readonly loads: ReadonlyMap<number, Float32Array>;
}

/** More than any norm: for runs that do not clip, whose calls are the same. */
const NO_LIMIT = 1e30;

/**
 * Runs all batches of a step and updates all parameters that gradients train.
 * @param step from 1.
 */
export async function runBatches<T>(
  parts: StepParts<T>,
  batches: readonly PreparedBatch[],
  { step, rateFactor }: { readonly step: number; readonly rateFactor: number },
): Promise<StepGradients> {
  const { model, config, optimizer, queue, clock } = parts;
  const { backend } = model;
  const total = batches.reduce((sum, { counted }) => sum + counted, 0);
  const loads = new Map<number, Float32Array>();
  let dense = new Map<string, T>();
  let loss = 0;
  let squares = 0; // of what is on the host already
  for (const [i, batch] of batches.entries()) {
    const last = i === batches.length - 1;
    clock.enter("rows");
    if (i === 0) await Promise.all([...parts.tables.values()].map((table) => table.begin()));
    const values = new Map([...parts.tables].map(([layer, table]) => [layer, table.rowsOf(i)]));
    clock.enter("upload");
    const memory = uploadMemory(model, batch.tokens.ids.length, values);
    clock.enter("record");
    const share = batch.counted / total;
    const pass = recordPass(model, batch, memory, { trained: optimizer.trained, scale: share });
    dense = accumulated(backend, dense, pass.dense);
    const earlier = last && i > 0 ? [backend.upload(Float32Array.of(Math.sqrt(squares)), [1])] : [];
    const norms = last ? [updateDense(parts, dense, [...pass.rows.values(), ...earlier], { step, rateFactor })] : [];
    backend.dispose(earlier);
    clock.enter("graph");
    const running = runPass(backend, pass, norms);
    running.catch(() => undefined); // awaited below, after what the host does meanwhile
    const began = performance.now();
    if (last) {
      for (const table of parts.tables.values()) table.prefetchMoments();
      await queue.prefetch();
    }
    clock.hide((performance.now() - began) / 1000);
    const result = await running;
    clock.enter("rowUpdate");
    loss += result.loss * share;
    for (const [layer, gradient] of result.rows) parts.tables.get(layer)?.add(i, gradient);
    addLoads(loads, result.loads);
    if (!last) {
      squares += squaresOf(result.rows.values());
      continue;
    }
    const norm = result.others[0]?.[0] ?? Number.NaN;
    const most = config.clip ?? NO_LIMIT;
    return { loss, norm, factor: norm > most ? most / norm : 1, loads };
  }
  throw new TypeError("a step has at least one batch"); // the queue sees to that
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
 * @param others what counts in the norm besides.
 * @returns the norm, `[1]`.
 */
function updateDense<T>(
  { model, config, optimizer }: StepParts<T>,
  dense: ReadonlyMap<string, T>,
  others: readonly T[],
  { step, rateFactor }: { readonly step: number; readonly rateFactor: number },
): T {
  const { backend } = model;
  const { norm, factor } = backend.updates.clip([...dense.values(), ...others], config.clip ?? NO_LIMIT);
  optimizer.update(dense, { step, rateFactor, clip: factor });
  backend.dispose([factor, ...dense.values()]);
  return norm;
}

function addLoads(sums: Map<number, Float32Array>, loads: ReadonlyMap<number, Float32Array>): void {
  for (const [layer, load] of loads) {
    const sum = sums.get(layer);
    sums.set(layer, sum === undefined ? load.slice() : sum.map((tokens, e) => tokens + (load[e] ?? 0)));
  }
}

function squaresOf(arrays: Iterable<Float32Array>): number {
  let sum = 0;
  for (const array of arrays) for (const value of array) sum += value * value;
  return sum;
}
