// Forward and backward of one batch, recorded and run: gradients of parameters and of tables stay on the backend, everything
// that the host needs comes back in one go. Tensors that the host does not need are let go before, so that an engine that
// runs the whole graph at once may use their memory again. Not here: what becomes of the gradients.

import {
  type Backend,
  type EmbeddedGradient,
  forward,
  forwardWithRows,
  type Gradients,
  type Model,
  openTape,
  rowsPerToken,
} from "@engram-ts/core";
import type { PreparedBatch } from "./batch-queue.js";

/** The rows of a table that a step reads, on the backend, and which of them a batch wants. */
export interface BatchRows<T> {
  /** `[capacity, width]`. */
  readonly table: T;
  /** `[N * rowsPerToken]`. */
  readonly places: Uint32Array;
}

/** A batch that was recorded, and not run yet. */
export interface RecordedPass<T> {
  /** `[1]`. */
  readonly loss: T;
  /** `[E]` of each block with experts. */
  readonly loads: ReadonlyMap<number, T>;
  /** Gradients of parameters, by name; that of a tied embedding is the head's alone. */
  readonly dense: Map<string, T>;
  /** Gradients of embedded tokens and of rows, by their tables. */
  readonly embedded: readonly EmbeddedGradient<T>[];
}

/** What comes back of a batch. */
export interface PassResult {
  readonly loss: number;
  readonly loads: ReadonlyMap<number, Float32Array>;
  /** Of the tensors asked for besides. */
  readonly others: readonly Float32Array[];
}

/**
 * Records forward and backward.
 * @param rows of each block with an engram.
 * @param trained the parameters whose gradients are wanted, by name.
 * @param scale of the loss: this batch's share of the step's targets, and whatever keeps gradients from being too small.
 */
export function recordPass<T>(
  model: Model<T>,
  { tokens, rows: needed }: PreparedBatch,
  rows: ReadonlyMap<number, BatchRows<T>>,
  { trained, scale }: { readonly trained: ReadonlyMap<string, T>; readonly scale: number },
): RecordedPass<T> {
  const tape = openTape(model.backend);
  tape.watch(trained.values());
  const outputs = Uint32Array.from(tokens.ids, (_, t) => t); // all of them, so that shapes stay from step to step
  const batch = { ids: tokens.ids, cumulativeLengths: tokens.cumulativeLengths, rows: needed, outputs };
  try {
    const memory = new Map<number, T>();
    const idsPerToken = model.spec.memory === undefined ? 1 : rowsPerToken(model.spec.memory);
    for (const [layer, { table, places }] of rows) {
      memory.set(layer, tape.calls.embed({ table }, { ids: places, idsPerToken }).y);
    }
    const { logits, reports } = forwardWithRows(forward(model, tape.calls, batch), memory);
    const { loss } = tape.calls.crossEntropy({ logits }, { targets: tokens.targets });
    const gradients = tape.backward(loss, scale);
    const loads = new Map<number, T>();
    for (const layer of model.spec.blocks.keys()) {
      const load = reports.get(`blocks.${layer}.feedForward.load`);
      if (load !== undefined) loads.set(layer, tape.release(load));
    }
    return { loss: tape.release(loss), loads, dense: found(trained, gradients), embedded: gradients.embedded };
  } finally {
    tape.close();
  }
}

function found<K, T>(tensors: ReadonlyMap<K, T>, gradients: Gradients<T>): Map<K, T> {
  const own = new Map<K, T>();
  for (const [key, tensor] of tensors) {
    const gradient = gradients.of(tensor);
    if (gradient !== undefined) own.set(key, gradient);
  }
  return own;
}

/**
 * Runs what is recorded and brings back what the host needs, which is disposed of then; so are `others`. Gradients of
 * parameters stay, unless they were disposed of before.
 */
export async function runPass<T>(
  backend: Backend<T>,
  { loss, loads }: RecordedPass<T>,
  others: readonly T[],
): Promise<PassResult> {
  const layers = [...loads.keys()];
  const all = [loss, ...loads.values(), ...others];
  try {
    const [lossValue, ...rest] = await Promise.all(all.map((tensor) => backend.download(tensor)));
    return {
      loss: lossValue?.[0] ?? Number.NaN,
      loads: new Map(rest.slice(0, layers.length).map((values, i) => [layers[i] as number, values])), // one each
      others: rest.slice(layers.length),
    };
  } finally {
    backend.dispose(all);
  }
}
