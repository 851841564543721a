// ggml with weights in narrower types, and caches in f16: forward within what each type is worth. Gradients, too, of inputs
// and of the weights as they were rounded; updates in place refuse, since their steps would be lost in rounding.

import { isEngramError } from "@engram-ts/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openGgml } from "../src/ggml/index.js";
import { describeEngine } from "./engine-suite/describe-engine.js";
import { runCheck } from "./engine-suite/engine-check.js";
import { operationChecks } from "./engine-suite/operation-checks.js";
import { TOLERANCES } from "./engine-suite/tolerances.js";
import { openTwins, type Twins } from "./engine-suite/twins.js";

for (const weights of ["f16", "bf16", "q8_0", "q5_0", "q4_0"] as const) {
  const open = () => openGgml({ device: "CPU", threads: 1, weights, cache: "f16" });
  describeEngine(`ggml CPU, ${weights} weights`, open, { tolerance: weights, directions: "forward", effort: "quick" });
}

describe.each(["f16", "bf16", "q8_0"] as const)("gradients with weights in %s", (weights) => {
  const open = () => openGgml({ device: "CPU", threads: 1, weights });
  const counts = { forward: 0, backward: 0, other: 0, worst: 0, worstAbout: "" };
  let twins: Twins;
  beforeAll(async () => {
    twins = openTwins(await open(), TOLERANCES[weights], counts);
  });
  afterAll(async () => {
    expect(counts.backward).toBeGreaterThan(100);
    await twins.engine.close();
  });
  for (const check of operationChecks()) {
    if (!check.trains || check.long || (check.precise && TOLERANCES[weights].model > 1e-3)) continue;
    if (check.group === "operations") it(check.name, () => runCheck(check, { twins, open }));
  }

  it("updates refuse, say why, and change nothing", async () => {
    const backend = await open();
    const values = new Float32Array(1024).map((_, i) => (i % 64) / 64);
    const matrix = backend.upload(values, [32, 32], "matrix");
    const [gradient, first, second] = [0, 1, 2].map(() => backend.upload(values, [32, 32]));
    if (gradient === undefined || first === undefined || second === undefined) throw new Error("three");
    const before = await backend.download(matrix);
    const adamW = { learningRate: 1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0, step: 1 };
    for (const update of [
      () => backend.updates.adamW(matrix, gradient, { first, second }, adamW),
      () => backend.updates.accumulate(matrix, gradient),
    ]) {
      let error: unknown;
      try {
        update();
      } catch (thrown) {
        error = thrown;
      }
      expect(isEngramError(error, "unsupported"), String(error)).toBe(true);
      expect(String(error)).toContain(`is kept in ${weights}; open the engine with weights f32 to train`);
    }
    expect(await backend.download(matrix)).toEqual(before);
    backend.updates.write(matrix, values);
    expect(await backend.download(matrix)).toEqual(before);
    await backend.close();
  });
});
