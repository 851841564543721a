// Whole small models: gradients and losses of training steps, decoding with forks and roll-backs, and the text that
// greedy generation gives, against the reference running the same code.

import {
  type Backend,
  createDecodeState,
  decodeStep,
  forward,
  forwardWithRows,
  generate,
  type Model,
  type MuonParameter,
  modelPreset,
  openTape,
  packTokens,
  rowsNeeded,
} from "@engram-ts/core";
import { expect } from "vitest";
import { madeUpRows, madeUpTables, SMALL_PRESETS, someIds } from "../../../core/test/model/model-fixture.js";
import type { EngineCheck } from "./engine-check.js";
import { onBoth, twinModels } from "./twin-models.js";

type Preset = (typeof SMALL_PRESETS)[number];

/** What a training run gives. */
interface TrainingRun {
  readonly losses: number[];
  /** Of the first step. */
  readonly gradients: Map<string, Float32Array>;
}

const adamW = { learningRate: 3e-3, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };
const muon = {
  learningRate: 1e-2,
  momentum: 0.95,
  nesterov: true,
  weightDecay: 0.1,
  iterations: 5,
  epsilon: 1e-7,
  coefficients: [3.4445, -4.775, 2.0315],
  adjust: "original",
} as const;

/** Some steps of AdamW for vectors, tables and heads, and Muon for matrices, as a trainer takes them. */
async function train<T>(model: Model<T>, steps: number): Promise<TrainingRun> {
  const { backend, parameters, spec } = model;
  const tokens = packTokens([9, 1, 0, 6].map((length, s) => someIds(length, spec.vocabSize, s)));
  const rows = rowsNeeded(model, tokens);
  const outputs = Uint32Array.from({ length: tokens.ids.length }, (_, t) => t);
  const targets = Int32Array.from(outputs, (t) => (t % 5 === 4 ? -100 : (t * 37) % spec.vocabSize));
  const shapeOf = (tensor: T) => backend.shape(tensor);
  const moments = new Map(
    [...parameters].map(([name, tensor]) => [name, [0, 1].map(() => zeros(backend, shapeOf(tensor)))]),
  );
  const losses: number[] = [];
  const gradientsFound = new Map<string, Float32Array>();
  for (let step = 1; step <= steps; step++) {
    const memory = new Map(
      rows.map((one) => {
        const values = madeUpRows(model, one);
        const shape = [tokens.ids.length, values.length / tokens.ids.length] as const;
        return [one.layer, backend.uploadRows({ values }, shape)];
      }),
    );
    const tape = openTape(backend);
    tape.watch([...parameters.values(), ...memory.values()]);
    const { logits } = forwardWithRows(forward(model, tape.calls, { ...tokens, rows, outputs }), memory);
    const { loss } = tape.calls.crossEntropy({ logits }, { targets });
    const gradients = tape.backward(loss);
    const named = [...parameters].flatMap(([name, tensor]) => {
      const gradient = gradients.of(tensor);
      return gradient === undefined ? [] : [{ name, tensor, gradient }];
    });
    if (step === 1) {
      for (const { name, gradient } of named) gradientsFound.set(name, await backend.download(gradient));
      for (const [layer, tensor] of memory) {
        const gradient = gradients.of(tensor);
        if (gradient !== undefined) gradientsFound.set(`rows ${layer}`, await backend.download(gradient));
      }
      for (const [i, { rows: embedded }] of gradients.embedded.entries()) {
        gradientsFound.set(`embedded ${i}`, await backend.download(embedded));
      }
    }
    const { norm, factor } = backend.updates.clip(
      named.map(({ gradient }) => gradient),
      1,
    );
    const matrices: MuonParameter<T>[] = [];
    for (const { name, tensor, gradient } of named) {
      const [first, second] = moments.get(name) ?? [];
      if (first === undefined || second === undefined) continue;
      const isMatrix = shapeOf(tensor).length > 1 && name.includes("feedForward") && !name.includes("router");
      if (isMatrix) matrices.push({ parameter: tensor, gradient, momentum: first });
      else backend.updates.adamW(tensor, gradient, { first, second }, { ...adamW, step }, factor);
    }
    backend.updates.muon(matrices, muon, factor);
    losses.push((await backend.download(loss))[0] ?? Number.NaN);
    tape.close();
    gradients.dispose();
    backend.dispose([...memory.values(), norm, factor]);
  }
  for (const pair of moments.values()) backend.dispose(pair);
  return { losses, gradients: gradientsFound };
}

function zeros<T>(backend: Backend<T>, shape: readonly number[]): T {
  return backend.upload(new Float32Array(shape.reduce((product, side) => product * side, 1)), shape, "parameter");
}

function trainingCheck(preset: Preset): EngineCheck {
  return {
    group: "training",
    name: `${preset}: gradients of every parameter, row and embedding, and the losses of 4 steps`,
    trains: true,
    async run({ twins }) {
      const { found, expected } = await onBoth(twinModels(twins, modelPreset(preset)), (model) => train(model, 4));
      expect([...found.gradients.keys()]).toEqual([...expected.gradients.keys()]);
      for (const [name, gradient] of expected.gradients) {
        twins.compareValues(`${preset}, ${name}`, found.gradients.get(name) ?? [], gradient, "gradients", 1e-5);
      }
      const [first = 0] = expected.losses;
      expect(expected.losses.at(-1), "it learns").toBeLessThan(first);
      twins.compareValues(`${preset}, losses`, found.losses, expected.losses, "losses");
    },
  };
}

/** A conversation of two sequences, with a fork, a roll-back and a step of nothing. All logits, in order. */
async function converse<T>(model: Model<T>): Promise<number[]> {
  const tables = madeUpTables(model, "soon");
  const [a, b] = [createDecodeState(model), createDecodeState(model)];
  const logits: number[] = [];
  const step = async (sequences: Parameters<typeof decodeStep<T>>[1], all = false): Promise<void> => {
    const result = await decodeStep(model, sequences, { tables, ...(all && { logits: "all" }) });
    for (const row of result.logits) logits.push(...row);
  };
  await step(
    [
      { state: a, ids: [1, 2, 3, 4, 5, 6, 7] },
      { state: b, ids: [9] },
    ],
    true,
  );
  await step([{ state: a, ids: [8] }]);
  await step([{ state: a, ids: [] }]);
  const c = a.fork();
  await step([
    { state: b, ids: [10, 11] },
    { state: c, ids: [12] },
    { state: a, ids: [] },
  ]);
  a.rollback(3);
  await step(
    [
      { state: a, ids: [20, 21, 22, 23] },
      { state: c, ids: [13] },
      { state: b, ids: [14] },
    ],
    true,
  );
  for (const state of [a, b, c]) state.close();
  return logits;
}

function decodingCheck(preset: Preset): EngineCheck {
  return {
    group: "generation",
    name: `${preset}: two sequences, forked and taken back`,
    precise: preset !== "tiny-gqa-dense", // the one without experts to choose
    async run({ twins }) {
      const { found, expected } = await onBoth(twinModels(twins, modelPreset(preset)), converse);
      twins.compareValues(`${preset}, logits`, found, expected, "model");
    },
  };
}

function generationCheck(preset: Preset): EngineCheck {
  return {
    group: "generation",
    name: `${preset}: the same greedy text`,
    precise: true,
    async run({ twins }) {
      const { found, expected } = await onBoth(twinModels(twins, modelPreset(preset)), async (model) => {
        const ids: number[] = [];
        const options = { prompt: [72, 101, 108, 108, 111], maxTokens: 12, temperature: 0, chunkTokens: 3 };
        for await (const id of generate(model, { ...options, tables: madeUpTables(model, "soon") })) ids.push(id);
        return ids;
      });
      expect(expected).toHaveLength(12);
      expect(found).toEqual(expected);
    },
  };
}

const sideBySide: EngineCheck = {
  group: "generation",
  name: "two texts at once on one engine, token by token in turns, are those of one after the other",
  precise: true,
  async run({ twins }) {
    const { engine } = twinModels(twins, modelPreset("tiny-qwen-ple"));
    const text = async (prompt: readonly number[]): Promise<number[]> => {
      const ids: number[] = [];
      const tables = madeUpTables(engine, "soon");
      for await (const id of generate(engine, { prompt, maxTokens: 6, temperature: 0, tables })) ids.push(id);
      return ids;
    };
    const prompts = [
      [1, 2, 3],
      [200, 100, 50, 25],
    ];
    const together = await Promise.all(prompts.map(text));
    const alone: number[][] = [];
    for (const prompt of prompts) alone.push(await text(prompt));
    expect(together).toEqual(alone);
    expect(alone[0]).not.toEqual(alone[1]);
  },
};

/** Whole models. */
export function modelChecks(): EngineCheck[] {
  const each = SMALL_PRESETS.flatMap((preset) => [
    trainingCheck(preset),
    decodingCheck(preset),
    generationCheck(preset),
  ]);
  return [...each, sideBySide];
}
