// One step of training. All batches of the step run first, their gradients summing up on the backend; the last one's graph
// ends with the updates of the parameters, so that one graph runs per batch. While it runs, the host reads the moments of
// the step's rows, draws the next step and reads its rows. What needs gradients on the host comes after: router biases
// and embedding, whose update is a small graph of its own, and the rows, which are updated while that runs.

import type { Backend, Model } from "@engram-ts/core";
import type { DenseOptimizer } from "../optimizers/dense-optimizer.js";
import { type EmbeddingGradient, embeddingGradient } from "../optimizers/embedding-gradient.js";
import type { RowOptimizer } from "../optimizers/row-optimizer.js";
import type { BatchQueue, PreparedBatch } from "./batch-queue.js";
import type { StepClock } from "./step-clock.js";
import type { TrainingConfig } from "./training-config.js";
import { type PassResult, type RecordedPass, recordPass, runPass, uploadMemory } from "./training-pass.js";

/** What a step works on. */
export interface StepParts<T> {
  readonly model: Model<T>;
  readonly config: TrainingConfig;
  readonly optimizer: DenseOptimizer<T>;
  /** By block. */
  readonly tables: ReadonlyMap<number, RowOptimizer>;
  readonly queue: BatchQueue;
  /** By the name of the embedded parameter; filled as they are met. */
  readonly embeddings: Map<string, EmbeddingGradient<T>>;
  readonly clock: StepClock;
}

/** What the gradients of a step came to, before rows and embeddings are changed. */
export interface StepGradients<T> {
  /** Nats, the mean over all targets of the step. */
  readonly loss: number;
  /** Of all gradients together; token embeddings and rows count occurrence by occurrence. */
  readonly norm: number;
  /** What clips them. */
  readonly factor: number;
  /** The same on the backend, `[1]`; to be disposed of. */
  readonly clip: T;
  /** Tokens that chose each expert, by block. */
  readonly loads: ReadonlyMap<number, Float32Array>;
  /** Dense gradients of parameters that are embedded, too: of a tied head. To be disposed of. */
  readonly left: ReadonlyMap<string, T>;
}

/** More than any norm: for runs that do not clip, whose calls are the same. */
const NO_LIMIT = 1e30;

/**
 * Runs all batches of a step and updates all parameters but embedded ones.
 * @param step from 1.
 */
export async function runBatches<T>(
  parts: StepParts<T>,
  batches: readonly PreparedBatch[],
  { step, rateFactor }: { readonly step: number; readonly rateFactor: number },
): Promise<StepGradients<T>> {
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
    const clipped = last ? updateDense(parts, pass, dense, earlier, { step, rateFactor }) : undefined;
    backend.dispose(earlier);
    clock.enter("graph");
    const running = runPass(backend, pass, clipped === undefined ? [] : [clipped.norm]);
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
    clock.enter("embedding");
    addEmbedded(parts, result);
    addLoads(loads, result.loads);
    if (!last) squares += squaresOf([...result.rows.values(), ...result.embedded.map(({ rows }) => rows)]);
    if (clipped === undefined) continue;
    const norm = result.others[0]?.[0] ?? Number.NaN;
    const most = config.clip ?? NO_LIMIT;
    return { loss, norm, factor: norm > most ? most / norm : 1, clip: clipped.factor, loads, left: dense };
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

/** Records clipping and the updates of all parameters but embedded ones; takes their gradients out of `dense`. */
function updateDense<T>(
  { model, config, optimizer }: StepParts<T>,
  { rows, embedded }: RecordedPass<T>,
  dense: Map<string, T>,
  earlier: readonly T[],
  { step, rateFactor }: { readonly step: number; readonly rateFactor: number },
): { readonly norm: T; readonly factor: T } {
  const { backend } = model;
  const all = [...dense.values(), ...rows.values(), ...embedded.map((one) => one.rows), ...earlier];
  const clipped = backend.updates.clip(all, config.clip ?? NO_LIMIT);
  const tables = new Set(embedded.map(({ table }) => table));
  for (const [name, tensor] of optimizer.trained) {
    const gradient = dense.get(name);
    if (gradient === undefined || tables.has(tensor)) continue;
    optimizer.update(name, gradient, { step, rateFactor, clip: clipped.factor });
    backend.dispose([gradient]);
    dense.delete(name);
  }
  return clipped;
}

function addEmbedded<T>({ model, optimizer, embeddings }: StepParts<T>, { embedded }: PassResult<T>): void {
  for (const { table, ids, rows } of embedded) {
    const name = [...optimizer.trained].find(([, tensor]) => tensor === table)?.[0];
    if (name === undefined) continue; // a table that is not trained
    const [vocabulary = 0, d = 0] = model.backend.shape(table);
    const sums = embeddings.get(name) ?? embeddingGradient(model.backend, [vocabulary, d]);
    embeddings.set(name, sums);
    sums.add(ids, rows);
  }
}

/** Records the updates of embedded parameters, a graph of their own. */
export function updateEmbedded<T>(
  { model, optimizer, embeddings }: StepParts<T>,
  { left, clip }: StepGradients<T>,
  { step, rateFactor }: { readonly step: number; readonly rateFactor: number },
): void {
  const { backend } = model;
  for (const [name, sums] of embeddings) {
    const own = sums.take();
    const head = left.get(name);
    if (head !== undefined) backend.updates.accumulate(own, head);
    optimizer.update(name, own, { step, rateFactor, clip });
    backend.dispose([own]);
  }
}

function addLoads(sums: Map<number, Float32Array>, loads: ReadonlyMap<number, Float32Array>): void {
  for (const [layer, load] of loads) {
    const sum = sums.get(layer);
    sums.set(layer, sum === undefined ? load.slice() : sum.map((tokens, e) => tokens + (load[e] ?? 0)));
  }
}

function squaresOf(arrays: readonly Float32Array[]): number {
  let sum = 0;
  for (const array of arrays) for (const value of array) sum += value * value;
  return sum;
}
