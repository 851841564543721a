// The engine suite on ggml's CPU device, in float32. One thread: files of tests run side by side, and threads that wait for
// each other take many times as long where there are fewer cores than threads. Two threads give the same.

import { expect, it } from "vitest";
import { uniformValues } from "../../core/src/model/uniform-values.js";
import { openGgml } from "../src/ggml/index.js";
import { describeEngine } from "./engine-suite/describe-engine.js";

describeEngine("ggml CPU", () => openGgml({ device: "CPU", threads: 1 }));

it("two threads give what one gives", async () => {
  const run = async (threads: number): Promise<Float32Array> => {
    const backend = await openGgml({ device: "CPU", threads });
    const x = backend.upload(uniformValues(65 * 96, 1, 1, 0), [65, 96]);
    const [gate, up] = [1, 2].map((i) => backend.upload(uniformValues(200 * 96, 0.2, 1, i), [200, 96], "matrix"));
    const down = backend.upload(uniformValues(96 * 200, 0.2, 1, 3), [96, 200], "matrix");
    if (gate === undefined || up === undefined) throw new Error("two matrices");
    const { y } = backend.operations.feedForward.forward({ x, gate, up, down }, {});
    const values = await backend.download(y);
    await backend.close();
    return values;
  };
  const [one, two] = [await run(1), await run(2)];
  const worst = one.reduce((most, value, i) => Math.max(most, Math.abs(value - (two[i] ?? Number.NaN))), 0);
  expect(one).toHaveLength(65 * 96);
  expect(worst).toBeLessThan(1e-5);
});
