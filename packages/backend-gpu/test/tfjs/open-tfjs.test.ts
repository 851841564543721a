// What the suite does not ask: several of tfjs's backends in one process, and a program's own tfjs beside them; what tfjs
// itself counts; ties of the router; limits of a device; packages and options that are not there.

import { describe, expect, it } from "vitest";
import { expectCode } from "../../../core/test/model/expect-code.js";
import { inspectTfjs, openTfjs, type TfjsEngine } from "../../src/tfjs/index.js";
import type { TfjsLibrary } from "../../src/tfjs/tfjs-library.js";
import { useSwiftShader } from "./swiftshader.js";

useSwiftShader();
// the types of tfjs do not compile beside those of a current DOM
const imported: TfjsLibrary & { default?: TfjsLibrary } = await import("@tensorflow/tfjs-core" as string);
const tf = imported.default ?? imported;
const BACKENDS = ["cpu", "wasm", "webgpu"] as const;
const open = async (backend: (typeof BACKENDS)[number]) => openTfjs({ backend });

async function product(engine: TfjsEngine): Promise<Float32Array> {
  const x = engine.upload(Float32Array.of(1, 2, 3, 4), [2, 2]);
  const { y } = engine.operations.linear.forward({ x, weight: x }, {});
  const values = await engine.download(y);
  engine.dispose([x, y]);
  return values;
}

describe("backends of tfjs in one process", () => {
  it("work in turns, and leave a program's own tfjs as it was", async () => {
    const engines = await Promise.all(BACKENDS.map(open));
    await tf.setBackend("cpu");
    const own = tf.tensor(Float32Array.of(1, 2), [2], "float32");
    for (let round = 0; round < 2; round++) {
      for (const engine of engines) expect([...(await product(engine))]).toEqual([5, 11, 11, 25]);
      expect(tf.engine().backendName).toBe("cpu");
    }
    expect([...tf.add(own, 1).dataSync()]).toEqual([2, 3]);
    const [cpu, wasm] = engines;
    const foreign = wasm?.upload(Float32Array.of(1), [1]);
    if (cpu === undefined || foreign === undefined) expect.fail("three engines");
    expectCode(() => cpu.operations.add.forward({ a: foreign, b: foreign }, {}), "invalid-argument", /another backend/);
    for (const engine of engines) await engine.close();
    expect([...own.dataSync()]).toEqual([1, 2]);
    own.dispose();
  });

  it.each(BACKENDS)("%s gives back what it took: tensors and bytes by tfjs's own count", async (backend) => {
    const engine = await open(backend);
    await product(engine);
    const before = tf.memory();
    const x = engine.upload(new Float32Array(64).fill(0.1), [8, 8]);
    const cache = engine.createCache({ width: 16, capacity: 8 });
    const { y } = engine.operations.moe.forward(
      {
        x,
        router: x,
        gate: engine.upload(new Float32Array(8 * 32), [8, 4, 8]),
        up: engine.upload(new Float32Array(8 * 32), [8, 4, 8]),
        down: engine.upload(new Float32Array(8 * 32), [8, 8, 4]),
      },
      { topK: 2, scoring: "sigmoid", routeScale: 1, normalise: true, groups: 1, groupsKept: 1 },
    );
    await engine.download(y);
    // refused half way: nothing of it stays
    expectCode(
      () => engine.operations.linear.forward({ x, weight: y.shape.length === 2 ? cache : y }, {}),
      "invalid-argument",
      /cache/,
    );
    await engine.close();
    const after = tf.memory();
    expect({ tensors: after.numTensors, bytes: after.numBytes }).toEqual({
      tensors: before.numTensors,
      bytes: before.numBytes,
    });
  });

  it.each(BACKENDS)("%s chooses the first of experts that are equal", async (backend) => {
    const engine = await open(backend);
    const [tokens, experts, d] = [40, 64, 4];
    const zeros = (...shape: number[]) => engine.upload(new Float32Array(shape.reduce((a, b) => a * b)), shape);
    const inputs = {
      x: zeros(tokens, d),
      router: zeros(experts, d),
      gate: zeros(experts, 3, d),
      up: zeros(experts, 3, d),
      down: zeros(experts, d, 3),
    };
    const options = { topK: 6, scoring: "softmax", routeScale: 1, normalise: true, groups: 1, groupsKept: 1 } as const;
    const found = await engine.download(engine.operations.moe.forward(inputs, options).experts);
    expect([...new Set(found)].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5]);
    await engine.close();
  });

  it("refuses what a GPU cannot hold before it allocates, outputs too, and works on", async () => {
    const engine = await open("webgpu");
    const rows = 40_000; // its product with itself is of 6.4 GB
    const x = engine.upload(new Float32Array(rows), [rows, 1]);
    const before = tf.memory().numTensors;
    expectCode(
      () => engine.operations.linear.forward({ x, weight: x }, {}),
      "unsupported",
      /^EngramError: linear: .*40000, 40000\].*bytes/,
    );
    expect(tf.memory().numTensors).toBe(before);
    expect([...(await product(engine))]).toEqual([5, 11, 11, 25]);
    await engine.close();
  });

  it("reports what is there, what is not, and how to get it", async () => {
    const { libraries, devices } = await inspectTfjs();
    expect(libraries.map(({ state }) => state)).toEqual(["missing", "ready", "ready", "ready"]);
    expect(libraries[0]).toMatchObject({ name: "@tensorflow/tfjs-node", mend: expect.stringContaining("npm install") });
    expect(devices.map(({ name, kind }) => `${name} ${kind}`)).toEqual(["wasm cpu", "cpu cpu", "webgpu software"]);
  });

  it("says what to install, and refuses options that are none", async () => {
    await expectCode(openTfjs({ backend: "tensorflow" }), "missing-dependency", /npm install @tensorflow\/tfjs-node/);
    await expectCode(openTfjs({ backend: "tensorflow", module: {} }), "missing-dependency", /no backend tensorflow/);
    await expectCode(
      openTfjs({ backend: "webgl" as "cpu" }),
      "invalid-argument",
      /use one of tensorflow, webgpu, wasm, cpu/,
    );
    await expectCode(openTfjs({ backend: "cpu", workBytes: 0 }), "invalid-argument", /workBytes/);
    await expectCode(
      openTfjs({ backend: "webgpu", gpu: { requestAdapter: async () => null } }),
      "unsupported",
      /no adapter/,
    );
  });
});
