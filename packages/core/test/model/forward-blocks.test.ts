// The residual after each block, as a forward hands it out: with the last norm and the head on it, it gives the logits of
// the model that has no further blocks.

import { describe, expect, it } from "vitest";
import { openScope } from "../../src/model/backend-scope.js";
import { forward } from "../../src/model/forward.js";
import { forwardWithRows } from "../../src/model/forward-drivers.js";
import { createModel } from "../../src/model/forward-model.js";
import { memoryWidth, modelParameters } from "../../src/model/parameters.js";
import { packTokens, rowsNeeded } from "../../src/model/rows-needed.js";
import type { ReferenceTensor } from "../../src/reference/tensor.js";
import { busyModel, madeUpRows, SMALL_PRESETS, someIds } from "./model-fixture.js";

describe.each(SMALL_PRESETS)("%s", (preset) => {
  const model = busyModel(preset);
  const { spec, backend } = model;
  const tokens = packTokens([someIds(7, 256), someIds(1, 256, 4)]);
  const outputs = Uint32Array.of(0, 3, 6, 7);

  /** Logits of the model of the first blocks, and the residuals that its blocks handed out. */
  const run = (count: number) => {
    const shorter = { ...spec, blocks: spec.blocks.slice(0, count) };
    const named = modelParameters(shorter).flatMap(({ name, component }) => {
      const tensor = model.parameters.get(name);
      if (component === "engram tables" || tensor === undefined) return [];
      return [[name, tensor] as const];
    });
    const own = createModel({ spec: shorter, backend, parameters: new Map(named) });
    const rows = rowsNeeded(own, tokens);
    const width = spec.memory === undefined ? 0 : memoryWidth(spec.memory);
    const memory = new Map(
      rows.map((one) => [one.layer, backend.upload(madeUpRows(own, one), [tokens.ids.length, width])]),
    );
    const { calls } = openScope(backend);
    const after: [number, ReferenceTensor][] = [];
    const batch = {
      ...tokens,
      rows,
      outputs,
      afterBlock: (layer: number, x: ReferenceTensor) => void after.push([layer, x]),
    };
    const { logits } = forwardWithRows(forward(own, calls, batch), memory);
    return { logits, after, calls };
  };

  it("gives each block's residual, that of the last block what the logits are made of", async () => {
    const whole = run(spec.blocks.length);
    expect(whole.after.map(([layer]) => layer)).toEqual(spec.blocks.map((_, layer) => layer));
    const norm = model.parameters.get("norm.weight");
    const head = model.parameters.get(spec.head === "tied" ? "embedding.weight" : "head.weight");
    if (norm === undefined || head === undefined) throw new Error("no norm or head");
    for (const [layer, x] of whole.after) {
      expect(backend.shape(x)).toEqual([tokens.ids.length, spec.width]);
      const { y } = whole.calls.logits({ x, norm, head }, { tokens: outputs, epsilon: spec.normEpsilon });
      expect([...(await backend.download(y))]).toEqual([...(await backend.download(run(layer + 1).logits))]);
    }
  });
});
