// Forward and backward of one batch, recorded and run: gradients of parameters stay on the backend, everything that the
// host needs comes back in one go. Tensors that the host does not need are let go before, so that an engine that runs the
// whole graph at once may use their memory again. Not here: what becomes of the gradients.

import {
  type Backend,
  forward,
  forwardWithRows,
  type Gradients,
  type Model,
  memoryWidth,
  openTape,
} from "@engram-ts/core";
import { addEmbedded } from "../optimizers/embedding-gradient.js";
import type { PreparedBatch } from "./batch-queue.js";

/** A batch that was recorded, and not run yet. */
export interface RecordedPass<T> {
  /** `[1]`. */
  readonly loss: T;
  /** `[E]` of each block with experts. */
  readonly loads: ReadonlyMap<number, T>;
  /** Gradients of parameters, by name; that of an embedding is of its tokens and, where it is tied, of the head. */
  readonly dense: ReadonlyMap<string, T>;
  /** Gradients of rows, `[N, memoryWidth]`, of each block with an engram. */
  readonly rows: ReadonlyMap<number, T>;
}

/** What comes back of a batch. */
export interface PassResult {
  readonly loss: number;
  readonly loads: ReadonlyMap<number, Float32Array>;
  /** Gradients of rows, `[N * rowsPerToken, rowWidth]`, of each block with an engram. */
  readonly rows: ReadonlyMap<number, Float32Array>;
  /** Of the tensors asked for besides. */
  readonly others: readonly Float32Array[];
}

/** Uploads the rows of a batch; the caller's to dispose of. */
export function uploadMemory<T>(
  { spec, backend }: Model<T>,
  tokens: number,
  values: ReadonlyMap<number, Float32Array>,
): Map<number, T> {
  const memory = new Map<number, T>();
  if (spec.memory === undefined) return memory;
  const width = memoryWidth(spec.memory);
  for (const [layer, rows] of values) memory.set(layer, backend.uploadRows({ values: rows }, [tokens, width]));
  return memory;
}

/**
 * Records forward and backward. The memory is disposed of: its gradients are there.
 * @param trained the parameters whose gradients are wanted, by name.
 * @param scale this batch's share of the step's targets.
 */
export function recordPass<T>(
  model: Model<T>,
  { tokens, rows }: PreparedBatch,
  memory: ReadonlyMap<number, T>,
  { trained, scale }: { readonly trained: ReadonlyMap<string, T>; readonly scale: number },
): RecordedPass<T> {
  const tape = openTape(model.backend);
  tape.watch(trained.values());
  tape.watch(memory.values());
  const outputs = Uint32Array.from(tokens.ids, (_, t) => t); // all of them, so that shapes stay from step to step
  const batch = { ids: tokens.ids, cumulativeLengths: tokens.cumulativeLengths, rows, outputs };
  try {
    const { logits, reports } = forwardWithRows(forward(model, tape.calls, batch), memory);
    const { loss } = tape.calls.crossEntropy({ logits }, { targets: tokens.targets });
    const gradients = tape.backward(loss, scale);
    const loads = new Map<number, T>();
    for (const layer of model.spec.blocks.keys()) {
      const load = reports.get(`blocks.${layer}.feedForward.load`);
      if (load !== undefined) loads.set(layer, tape.release(load));
    }
    const dense = found(trained, gradients);
    addEmbedded(model.backend, gradients.embedded, trained, dense);
    return { loss: tape.release(loss), loads, dense, rows: found(memory, gradients) };
  } finally {
    tape.close();
    model.backend.dispose(memory.values());
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
  { loss, loads, rows }: RecordedPass<T>,
  others: readonly T[],
): Promise<PassResult> {
  const download = (tensor: T) => backend.download(tensor);
  const downloadAll = async (tensors: ReadonlyMap<number, T>) => {
    const entries = [...tensors].map(async ([layer, tensor]) => [layer, await download(tensor)] as const);
    return new Map(await Promise.all(entries));
  };
  try {
    const [ownLoss, ownLoads, ownRows, ownOthers] = await Promise.all([
      download(loss),
      downloadAll(loads),
      downloadAll(rows),
      Promise.all(others.map(download)),
    ]);
    return { loss: ownLoss[0] ?? Number.NaN, loads: ownLoads, rows: ownRows, others: ownOthers };
  } finally {
    backend.dispose([loss, ...loads.values(), ...rows.values(), ...others]);
  }
}
