// What is kept of a weight must not outlive it: decoding with caches, while weights are written to, updated and replaced.

import { openGgml } from "@engram-ts/backend-gpu/ggml";
import { type Backend, type MlaOptions, referenceBackend } from "@engram-ts/core";
import { expect, it } from "vitest";
import { rotaryOf } from "../../../../core/src/model/rotary.js";
import { uniformValues } from "../../../../core/src/model/uniform-values.js";

const [d, H, n, r, u, rank] = [16, 2, 8, 8, 8, 16];
const shapes = {
  queryUp: [H * (n + r), d],
  keyValueDown: [rank + r, d],
  keyValueNorm: [rank],
  keyValueUp: [H * (n + u), rank],
  output: [d, H * u],
} as const;
const rotary = rotaryOf({ theta: 1e4, pairing: "interleaved" }, r);

/** Six steps of one sequence on a backend; between them its weights change. */
async function decoded<T>(backend: Backend<T>): Promise<Float32Array[]> {
  const values = (name: keyof typeof shapes, seed: number) =>
    uniformValues(
      shapes[name].reduce<number>((product, side) => product * side, 1),
      0.5,
      seed,
      0,
    );
  const weights = Object.fromEntries(
    (Object.keys(shapes) as (keyof typeof shapes)[]).map((name, i) => [
      name,
      backend.upload(values(name, i), shapes[name], shapes[name].length > 1 ? "matrix" : "parameter"),
    ]),
  ) as Record<keyof typeof shapes, T>; // one a name
  const cache = backend.createCache({ width: rank + r, capacity: 40 });
  const results: Float32Array[] = [];
  for (let step = 0; step < 6; step++) {
    if (step === 2) backend.updates.write(weights.keyValueUp, values("keyValueUp", 77));
    if (step === 3)
      backend.updates.accumulate(weights.keyValueUp, backend.upload(values("keyValueUp", 78), shapes.keyValueUp));
    if (step === 5) {
      backend.dispose([weights.keyValueUp]);
      weights.keyValueUp = backend.upload(values("keyValueUp", 79), shapes.keyValueUp, "matrix");
    }
    const x = backend.upload(uniformValues(d, 1, 90 + step, 0), [1, d]);
    const sequences = { cumulativeLengths: Uint32Array.of(0, 1), starts: Uint32Array.of(step) };
    const widths = { heads: H, contentWidth: n, rotaryWidth: r, valueWidth: u, rotary, scale: 0.25, epsilon: 1e-6 };
    const options: MlaOptions<T> = { ...widths, sequences, caches: [cache] };
    const { y } = backend.operations.mla.forward({ x, ...weights }, options);
    results.push(await backend.download(y));
  }
  return results;
}

it("weights that change change what was computed of them", async () => {
  const backend = await openGgml({ device: "CPU", threads: 1 });
  try {
    const expected = await decoded(referenceBackend());
    const found = await decoded(backend);
    found.forEach((values, step) => {
      const most = Math.max(...(expected[step] ?? []).map(Math.abs));
      values.forEach((value, i) => {
        expect(Math.abs(value - (expected[step]?.[i] ?? Number.NaN)) / most, `step ${step}`).toBeLessThan(1e-5);
      });
    });
  } finally {
    await backend.close();
  }
});
