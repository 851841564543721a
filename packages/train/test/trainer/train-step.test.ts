// One step against gradients taken from a tape by hand and the optimizers' formulae written out: every parameter, the tied
// embedding, rows, biases of balancing, with and without clipping. And what engines that record calls and run them at the
// first download rely on: the same calls in the same order from step to step, and one download after all of them.

import {
  type Backend,
  forward,
  forwardWithRows,
  memoryWidth,
  modelParameters,
  openTape,
  type ReferenceTensor,
  rowsNeeded,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { parameterRule } from "../../src/optimizers/parameter-rule.js";
import { createTrainer, type Trainer } from "../../src/trainer/trainer.js";
import { contentsOf, countingSource, TINY_CONFIG, tinyModel, tinySpec, tinyTables, tinyTrainer } from "./tiny-run.js";

const EPSILON = 0.01; // large, so that the size of a gradient counts, not its sign alone
const RATE = 0.02;

/** Gradients of the first batch as plain arrays, duplicates summed, and their norm. */
async function gradientsByHand({ model, tables }: Trainer<ReferenceTensor>) {
  const { backend, spec, parameters } = model;
  const batch = await countingSource().next();
  const rows = rowsNeeded(model, batch);
  const { memory } = spec;
  if (memory === undefined) throw new Error("no memory");
  const { width } = memory.encoding;
  const uploaded = new Map<number, ReferenceTensor>();
  for (const { layer, rowIds } of rows) {
    const values = new Float32Array(rowIds.length * width);
    tables.get(layer)?.rows.prefetch(rowIds).decode(values);
    uploaded.set(layer, backend.upload(values, [batch.ids.length, memoryWidth(memory)]));
  }
  const tape = openTape(backend);
  tape.watch([...parameters.values(), ...uploaded.values()]);
  const outputs = Uint32Array.from(batch.ids, (_, t) => t);
  const { logits, reports } = forwardWithRows(forward(model, tape.calls, { ...batch, rows, outputs }), uploaded);
  const { loss } = tape.calls.crossEntropy({ logits }, { targets: batch.targets });
  const gradients = tape.backward(loss);
  let squares = 0;
  const count = (values: Float64Array) => {
    for (const value of values) squares += value * value;
  };
  const found = new Map<string, Float64Array>();
  for (const [name, tensor] of parameters) {
    found.set(name, gradients.of(tensor)?.values ?? new Float64Array(tensor.values.length));
  }
  const scatter = (into: Float64Array, ids: Uint32Array, values: Float64Array, width: number) => {
    values.forEach((value, i) => {
      const at = (ids[Math.floor(i / width)] ?? 0) * width + (i % width);
      into[at] = (into[at] ?? 0) + value;
    });
  };
  for (const { ids, rows: values } of gradients.embedded) {
    scatter(found.get("embedding.weight") ?? new Float64Array(0), ids, values.values, spec.width);
  }
  for (const { layer, rowIds } of rows) {
    const sums = new Float64Array((tables.get(layer)?.rows.table.rows ?? 0) * width);
    const gradient = gradients.of(uploaded.get(layer) ?? loss)?.values ?? new Float64Array(0);
    scatter(sums, rowIds, gradient, width);
    found.set(`rows ${layer}`, sums);
  }
  for (const gradient of found.values()) count(gradient);
  const load = reports.get("blocks.1.feedForward.load")?.values ?? new Float64Array(0);
  return { found, norm: Math.sqrt(squares), load, loss: loss.values[0] };
}

describe.each(["tied", "separate"] as const)("a step with a %s head", (head) => {
  it.each([null, 0.05])("is what the formulae say, clipped at %s", async (clip) => {
    const spec = tinySpec(head);
    const config = {
      schedule: { kind: "constant", warmupSteps: 0 },
      matrices: "adamw",
      learningRate: RATE,
      clip,
      adamW: { epsilon: EPSILON },
      rows: { epsilon: EPSILON, learningRateFactor: 3 },
      balancingRate: 0.125,
    } as const;
    const trainer = await tinyTrainer(config, spec);
    const before = await contentsOf(trainer);
    const { found, norm, load, loss } = await gradientsByHand(trainer);
    const metrics = await trainer.takeStep();
    expect(metrics.loss).toBeCloseTo(loss ?? 0, 6);
    expect(metrics.gradientNorm).toBeCloseTo(norm, 5);
    expect(norm).toBeGreaterThan(0.1);
    const factor = clip === null ? 1 : clip / norm;
    const after = await contentsOf(trainer);
    const shapes = new Map(modelParameters(spec).map((one) => [one.name, one]));
    for (const [name, gradient] of found) {
      const shape = shapes.get(name);
      const rule = shape && parameterRule(shape, trainer.config);
      const decay = rule?.kind === "adamw" ? 1 - RATE * rule.weightDecay : 1;
      const own = before.get(name) ?? [];
      let greatest = 0;
      gradient.forEach((value, i) => {
        const g = value * factor;
        const start = own[i] ?? 0;
        let expected = start * decay - (RATE * g) / (Math.abs(g) + EPSILON);
        if (name.startsWith("rows")) {
          const root = Math.sqrt(1 - 0.95);
          expected = start - (3 * RATE * root * g) / (root * Math.abs(g) + EPSILON);
        } else if (name.endsWith("router.bias")) {
          const mean = load.reduce((sum, one) => sum + one, 0) / load.length;
          expected = start + 0.125 * Math.sign(mean - (load[i] ?? 0));
        }
        greatest = Math.max(greatest, Math.abs(expected - start));
        expect(Math.abs((after.get(name)?.[i] ?? Number.NaN) - expected), `${name} ${i}`).toBeLessThan(5e-7);
      });
      // behind a convolution of zeros there is no gradient yet
      if (!name.endsWith("convolutionNorm.weight")) expect(greatest, `${name} moves`).toBeGreaterThan(2e-6);
    }
  });
});

describe("engines that run what was recorded at the first download", () => {
  it.each([1, 2])("get the same calls in every step, with accumulation over %i batches", async (accumulation) => {
    const log: string[] = [];
    const model = tinyModel();
    const backend = logged(model.backend, log);
    const tables = await tinyTables(model.spec);
    const config = { ...TINY_CONFIG, accumulation };
    const trainer = await createTrainer({ model: { ...model, backend }, tables, source: countingSource(), config });
    const steps: string[][] = [];
    for (let i = 0; i < 3; i++) {
      log.length = 0;
      await trainer.takeStep();
      steps.push([...log]);
    }
    expect(steps[1]).toEqual(steps[0]);
    expect(steps[2]).toEqual(steps[1]);
    const runs = (steps[1] ?? []).join(" ").match(/download( download)*/g) ?? [];
    expect(runs).toHaveLength(accumulation); // one run a batch
    const last = (steps[1] ?? []).lastIndexOf("download");
    expect((steps[1] ?? []).slice(last + 1)).toEqual(["write"]); // the biases of balancing, which waited for the loads
  });
});

/** A backend that notes what it is called for. */
function logged(backend: Backend<ReferenceTensor>, log: string[]): Backend<ReferenceTensor> {
  const noting = <Part extends object>(part: Part): Part =>
    new Proxy(part, {
      get(target, name, receiver) {
        const value: unknown = Reflect.get(target, name, receiver);
        if (name === "operations" || name === "updates") return noting(value as object);
        if (typeof value === "object" && value !== null && "forward" in value) return noting(value);
        if (typeof value !== "function" || name === "dispose" || name === "shape") return value;
        return (...inputs: unknown[]) => {
          log.push(String(name));
          return (value as (...all: unknown[]) => unknown).apply(target, inputs);
        };
      },
    });
  return noting(backend);
}
