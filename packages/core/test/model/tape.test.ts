// Gradients of whole models against central differences along a random direction: every value of every parameter, of
// rows and of token embeddings counts.

import { describe, expect, it } from "vitest";
import { forward } from "../../src/model/forward.js";
import { forwardWithRows } from "../../src/model/forward-drivers.js";
import type { Model } from "../../src/model/forward-model.js";
import { packTokens, rowsNeeded } from "../../src/model/rows-needed.js";
import { type EmbeddedGradient, openTape } from "../../src/model/tape.js";
import { uniformValues } from "../../src/model/uniform-values.js";
import { referenceBackend } from "../../src/reference/reference-backend.js";
import type { ReferenceTensor } from "../../src/reference/tensor.js";
import { busyModel, madeUpRows, SMALL_PRESETS, someIds } from "./model-fixture.js";

const LENGTHS = [4, 1, 0, 2];

describe.each(SMALL_PRESETS)("gradients of %s", (preset) => {
  const model = busyModel(preset);
  const { backend, parameters, spec } = model;
  const tokens = packTokens(LENGTHS.map((length, s) => someIds(length, spec.vocabSize, s)));
  const rows = rowsNeeded(model, tokens);
  const memory = new Map(
    rows.map((one) => {
      const values = madeUpRows(model, one);
      return [one.layer, backend.upload(values, [tokens.ids.length, values.length / tokens.ids.length])];
    }),
  );
  const outputs = Uint32Array.of(0, 2, 3, 4, 6, 6);
  const targets = Int32Array.of(7, 250, 3, 0, -100, 99);

  const run = (watched: readonly ReferenceTensor[]) => {
    const tape = openTape(backend);
    tape.watch(watched);
    const batch = { ...tokens, rows, outputs };
    const { logits } = forwardWithRows(forward(model, tape.calls, batch), memory);
    const { loss } = tape.calls.crossEntropy({ logits }, { targets });
    return { tape, loss };
  };
  const lossNow = (): number => {
    const { tape, loss } = run([]);
    tape.close();
    return loss.values[0] ?? Number.NaN;
  };

  it("are those of central differences, for every parameter, row and embedding", () => {
    const before = backend.memory().tensors;
    const { tape, loss } = run([...parameters.values(), ...memory.values()]);
    const gradients = tape.backward(loss);
    const leaves = [...parameters, ...[...memory].map(([layer, tensor]) => [`rows ${layer}`, tensor] as const)];
    let nonZero = 0;
    for (const [name, tensor] of leaves) {
      const gradient = gradients.of(tensor);
      const dense = expectedGradient(model, name, gradient, gradients.embedded);
      if (name.endsWith("router.bias")) {
        expect(gradient).toBeUndefined();
        continue;
      }
      const direction = uniformValues(tensor.values.length, 1, 9, tensor.values.length);
      const expected = slope(tensor, direction, lossNow);
      const along = dense.reduce((sum, g, i) => sum + g * (direction[i] ?? 0), 0);
      expect(Math.abs(along - expected), `${name}: ${along}, by differences ${expected}`).toBeLessThan(
        1e-7 + 2e-5 * Math.abs(expected),
      );
      if (Math.abs(expected) > 1e-9) nonZero++;
    }
    expect(nonZero).toBe(leaves.filter(([name]) => !name.endsWith("router.bias")).length);
    tape.close();
    gradients.dispose();
    expect(backend.memory().tensors).toBe(before);
  });
});

describe("a tape", () => {
  it("scales all gradients, and lets go of what is released", () => {
    const backend = referenceBackend();
    const weight = backend.upload(Float32Array.of(1, 2, 3, 4), [2, 2]);
    const x = backend.upload(Float32Array.of(1, -1), [1, 2]);
    const gradientOf = (scale?: number) => {
      const tape = openTape(backend);
      tape.watch([weight]);
      const { y } = tape.calls.linear({ x, weight }, {});
      const { loss } = tape.calls.crossEntropy({ logits: y }, { targets: Int32Array.of(0) });
      const gradients = tape.backward(tape.release(loss), scale);
      const values = [...(gradients.of(weight)?.values ?? [])];
      tape.close();
      gradients.dispose();
      expect(backend.memory().tensors).toBe(3);
      const twice = backend.operations.add.forward({ a: loss, b: loss }, {}).y; // it is alive
      backend.dispose([loss, twice]);
      return values;
    };
    const whole = gradientOf();
    expect(whole.some((g) => g !== 0)).toBe(true);
    expect(gradientOf(0.25)).toEqual(whole.map((g) => g / 4));
  });
});

/** The gradient of a tensor as one dense array, the embedding's rows summed in. */
function expectedGradient(
  model: Model<ReferenceTensor>,
  name: string,
  gradient: ReferenceTensor | undefined,
  embedded: readonly EmbeddedGradient<ReferenceTensor>[],
): Float64Array {
  const dense = gradient?.values.slice() ?? new Float64Array(0);
  if (name !== "embedding.weight") return dense;
  const table = found(model.parameters, name);
  const sum = gradient === undefined ? new Float64Array(table.values.length) : dense;
  const d = model.spec.width;
  expect(embedded.length).toBe(1);
  for (const { table: of, ids, rows } of embedded) {
    expect(of).toBe(table);
    ids.forEach((id, t) => {
      for (let c = 0; c < d; c++) sum[id * d + c] = (sum[id * d + c] ?? 0) + (rows.values[t * d + c] ?? 0);
    });
  }
  return sum;
}

/** How fast the loss grows along a direction, by central differences: it sees every value of the tensor. */
function slope(tensor: ReferenceTensor, direction: Float32Array, loss: () => number): number {
  const before = tensor.values.slice();
  const at = (step: number): number => {
    tensor.values.forEach((_, i) => {
      tensor.values[i] = (before[i] ?? 0) + step * (direction[i] ?? 0);
    });
    return loss();
  };
  const step = 1e-6;
  const rise = at(step) - at(-step);
  tensor.values.set(before);
  return rise / (2 * step);
}

function found<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`no ${String(key)}`);
  return value;
}
