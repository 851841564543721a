// What is measured of one model on one engine: a prefill, steps of decoding, steps of training, over the public functions
// that a program would call. Each gives nanoseconds and what is needed to see that it computed the right thing.

import {
  awaitRows,
  type Backend,
  createDecodeState,
  createModel,
  type DecodeState,
  decodeStep,
  forward,
  forwardWithRows,
  openTape,
  type PackedTokens,
  packTokens,
  rowsNeeded,
} from "@engram-ts/core";
import type { ModelWeights } from "./compute-fixture.js";

/** Sequences of equal length, `[B][T]`. */
export type TokenBatch = readonly Uint32Array[];

/** AdamW as both sides run it. */
export const ADAM_W = { learningRate: 1e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 } as const;

/** One model on one engine. */
export interface ComputeRun {
  /** Logits of all tokens, `[B * T, V]`; the tokens from `split` on run one by one over caches. */
  logits(ids: TokenBatch, split?: number): Promise<Float32Array>;
  prefill(ids: TokenBatch, calls: number): Promise<number>;
  /** Prefills the sequences that `decode` goes on with. */
  openDecode(ids: TokenBatch): Promise<void>;
  /** One step for each token of a sequence; the sequences are as before afterwards. */
  decode(ids: TokenBatch): Promise<number>;
  train(ids: TokenBatch, targets: Int32Array, calls: number): Promise<{ ns: number; losses: readonly number[] }>;
  close(): void;
}

/** Puts a model's weights on a backend. */
export function openRun<T>(backend: Backend<T>, weights: ModelWeights): ComputeRun {
  const { spec, tables, trained } = weights;
  const parameters = new Map<string, T>();
  for (const [name, { shape, values }] of weights.parameters) {
    parameters.set(name, backend.upload(values, shape, weights.uses.get(name)));
  }
  const model = createModel({ spec, backend, parameters });
  let states: readonly DecodeState<T>[] = [];
  const moments = new Map<string, { first: T; second: T }>();
  let steps = 0;
  const closeStates = (): void => {
    for (const state of states) state.close();
    states = [];
  };
  const step = async (own: readonly DecodeState<T>[], ids: TokenBatch, logits: "last" | "all") =>
    (
      await decodeStep(
        model,
        own.map((state, s) => ({ state, ids: ids[s] ?? [] })),
        { tables, logits },
      )
    ).logits;
  const freshStates = (count: number, capacity: number) =>
    Array.from({ length: count }, () => createDecodeState(model, { capacity }));
  const slices = (ids: TokenBatch, from: number, to: number) => ids.map((one) => one.subarray(from, to));

  const trainStep = async (batch: PackedTokens, targets: Int32Array): Promise<number> => {
    steps++;
    const rows = rowsNeeded(model, batch);
    const memory = await awaitRows(model, rows, { tables });
    const tape = openTape(backend);
    for (const [name, tensor] of parameters) if (trained.has(name)) tape.watch([tensor]);
    tape.watch(memory.values());
    const outputs = Uint32Array.from(batch.ids, (_, i) => i);
    const { logits } = forwardWithRows(forward(model, tape.calls, { ...batch, rows, outputs }), memory);
    const { loss } = tape.calls.crossEntropy({ logits }, { targets });
    const gradients = tape.backward(loss);
    for (const [name, tensor] of parameters) {
      const gradient = gradients.of(tensor);
      if (gradient === undefined || !trained.has(name)) continue;
      const known = moments.get(name) ?? zeroMoments(backend, tensor);
      moments.set(name, known);
      backend.updates.adamW(tensor, gradient, known, { ...ADAM_W, step: steps });
    }
    const leaves = [
      ...gradients.embedded.map((one) => one.rows),
      ...[...memory.values()].map((one) => gradients.of(one)),
    ];
    const reads = [loss, ...leaves].map((one) => one !== undefined && backend.download(one));
    const [first] = await Promise.all(reads);
    gradients.dispose();
    tape.close();
    backend.dispose(memory.values());
    return first ? (first[0] ?? Number.NaN) : Number.NaN;
  };

  return {
    async logits(ids, split) {
      const length = ids[0]?.length ?? 0;
      const own = freshStates(ids.length, length);
      const parts: (readonly Float32Array[])[] = [await step(own, slices(ids, 0, split ?? length), "all")];
      for (let t = split ?? length; t < length; t++) parts.push(await step(own, slices(ids, t, t + 1), "all"));
      for (const state of own) state.close();
      const all = new Float32Array(ids.length * length * spec.vocabSize);
      let at = 0;
      for (let s = 0; s < ids.length; s++) {
        for (const part of parts) {
          all.set(part[s] ?? [], at);
          at += part[s]?.length ?? 0;
        }
      }
      return all;
    },
    prefill: (ids, calls) =>
      timed(calls, async () => {
        const own = freshStates(ids.length, ids[0]?.length ?? 0);
        await step(own, ids, "last");
        for (const state of own) state.close();
      }),
    async openDecode(ids) {
      closeStates();
      states = freshStates(ids.length, (ids[0]?.length ?? 0) + 64);
      await step(states, ids, "last");
    },
    async decode(ids) {
      const length = ids[0]?.length ?? 0;
      let t = 0;
      const ns = await timed(length, async () => {
        await step(states, slices(ids, t, t + 1), "last");
        t++;
      });
      for (const state of states) state.rollback(length);
      return ns;
    },
    async train(ids, targets, calls) {
      const batch = packTokens(ids);
      const losses: number[] = [];
      const ns = await timed(calls, async () => {
        losses.push(await trainStep(batch, targets));
      });
      return { ns, losses };
    },
    close() {
      closeStates();
      for (const { first, second } of moments.values()) backend.dispose([first, second]);
      backend.dispose(parameters.values());
    },
  };
}

function zeroMoments<T>(backend: Backend<T>, tensor: T): { first: T; second: T } {
  const shape = backend.shape(tensor);
  const zeros = new Float32Array(shape.reduce((product, side) => product * side, 1));
  return { first: backend.upload(zeros, shape, "parameter"), second: backend.upload(zeros, shape, "parameter") };
}

/** Nanoseconds of all calls together. */
export async function timed(calls: number, call: () => Promise<void>): Promise<number> {
  const begin = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) await call();
  return Number(process.hrtime.bigint() - begin);
}
