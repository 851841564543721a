// Putting a model together: what is missing, left over or misshapen is named; fresh parameters; packed tokens; rows for
// engines that decode none themselves.

import { describe, expect, it } from "vitest";
import type { TokenMap } from "../../src/addressing/token-map.js";
import type { BlockKind } from "../../src/model/block-kind.js";
import { createDecodeState } from "../../src/model/decode-state.js";
import { decodeStep } from "../../src/model/decode-step.js";
import { forward } from "../../src/model/forward.js";
import { awaitRows, forwardWithRows, forwardWithTickets, prefetchRows } from "../../src/model/forward-drivers.js";
import { createModel, type ModelOptions } from "../../src/model/forward-model.js";
import { modelBuilder } from "../../src/model/model-builder.js";
import { modelPreset } from "../../src/model/presets.js";
import { randomParameters } from "../../src/model/random-parameters.js";
import { packTokens, rowsNeeded } from "../../src/model/rows-needed.js";
import { openTape } from "../../src/model/tape.js";
import { referenceBackend } from "../../src/reference/reference-backend.js";
import type { ReferenceTensor } from "../../src/reference/tensor.js";
import { expectCode } from "./expect-code.js";
import { busyModel, madeUpTables, SMALL_PRESETS } from "./model-fixture.js";

const spec = modelPreset("tiny-mla-moe");
const backend = referenceBackend();
const parameters = randomParameters(backend, spec, { seed: 1 });
const create = (changes: Partial<ModelOptions<ReferenceTensor>>) => () =>
  createModel({ spec, backend, parameters, ...changes });
const without = (name: string) => new Map([...parameters].filter(([own]) => own !== name));
const shrunk: TokenMap = { tokens: 256, compressed: 200, ids: new Uint32Array(256) };

describe("createModel", () => {
  it.each([
    [
      "a missing parameter",
      { parameters: without("blocks.1.attention.kvUp.weight") },
      /parameter blocks.1.attention.kvUp.weight of shape \[32, 8\] is missing/,
    ],
    [
      "a parameter of another shape",
      { parameters: new Map(parameters).set("norm.weight", backend.upload(new Float32Array(31), [31])) },
      /parameter norm.weight has shape \[31\], expected \[32\]/,
    ],
    [
      "a parameter too many",
      { parameters: new Map(parameters).set("extra.weight", backend.upload(new Float32Array(1), [1])) },
      /extra.weight: no parameters of this model/,
    ],
  ])("refuses %s", (_, changes, message) => {
    expectCode(create(changes), "invalid-argument", message);
  });

  it("refuses token maps that are not the addressing's, and models that need one without", () => {
    expectCode(create({ tokenMap: shrunk }), "invalid-token-map", /200 compressed ids, the addressing 256/);
    const tiny = modelPreset("tiny");
    const fresh = referenceBackend();
    const own = randomParameters(fresh, tiny, { seed: 1 });
    expectCode(
      () => createModel({ spec: tiny, backend: fresh, parameters: own }),
      "invalid-token-map",
      /129280 tokens and its addressing 98627 compressed ones; give the token map/,
    );
  });

  it("refuses kinds that nothing runs", () => {
    const none: BlockKind = {
      slot: "feedForward",
      kind: "acme/none",
      parse: () => ({ kind: "acme/none" }),
      parameters: () => [],
    };
    const kinds = [none];
    const custom = modelBuilder({ vocabSize: 8, width: 4, contextTokens: 8, head: "tied", kinds })
      .block({
        attention: { kind: "gqa", heads: 1, headDim: 4 },
        feedForward: { kind: "acme/none" },
      })
      .build();
    const own = randomParameters(backend, custom, { seed: 1, kinds });
    expectCode(
      () => createModel({ spec: custom, backend, parameters: own, kinds }),
      "invalid-argument",
      /no operation runs blocks of kind "acme\/none"; give one in operations/,
    );
  });
});

describe("randomParameters", () => {
  it("are equal for equal seeds, and those of the specification", () => {
    const again = randomParameters(referenceBackend(), spec, { seed: 1 });
    const other = randomParameters(referenceBackend(), spec, { seed: 2 });
    for (const [name, { values }] of parameters) expect(again.get(name)?.values, name).toEqual(values);
    const weight = "blocks.0.feedForward.gate.weight";
    expect(other.get(weight)?.values).not.toEqual(parameters.get(weight)?.values);
    const values = parameters.get(weight)?.values ?? new Float64Array(0);
    const variance = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(variance * 32).toBeGreaterThan(0.9);
    expect(variance * 32).toBeLessThan(1.1);
    expect(parameters.get("norm.weight")?.values.every((value) => value === 1)).toBe(true);
    expect(parameters.get("blocks.1.feedForward.router.bias")?.values.every((value) => value === 0)).toBe(true);
    expectCode(() => randomParameters(backend, spec, { seed: -1 }), "invalid-argument", /seed is -1/);
  });
});

describe("packTokens", () => {
  it("lays sequences end to end, empty ones too", () => {
    expect(packTokens([[1, 2], [], Uint32Array.of(3)])).toEqual({
      ids: Uint32Array.of(1, 2, 3),
      cumulativeLengths: Uint32Array.of(0, 2, 2, 3),
    });
    expect(packTokens([])).toEqual({ ids: new Uint32Array(0), cumulativeLengths: Uint32Array.of(0) });
    expectCode(() => packTokens([[1], [2, -1]]), "token-out-of-range", /sequences\[1\]\[1\] is -1/);
  });
});

describe.each(SMALL_PRESETS)("rows of %s", (preset) => {
  const model = busyModel(preset);

  it("give the same logits encoded and decoded", async () => {
    const plain = { ...model, backend: { ...model.backend, decodes: new Set<never>() } };
    const run = async (one: typeof model) => {
      const state = createDecodeState(one);
      const { logits } = await decodeStep(one, [{ state, ids: [1, 2, 3] }], { tables: madeUpTables(one, "soon") });
      state.close();
      return logits;
    };
    expect(await run(plain)).toEqual(await run(model));
  });

  it("can be awaited for a whole batch: the same logits, and gradients of each row", async () => {
    const tables = madeUpTables(model, "soon");
    const tokens = packTokens([[1, 2, 3], [4]]);
    const rows = rowsNeeded(model, tokens);
    const before = model.backend.memory().tensors;
    const memory = await awaitRows(model, rows, { tables });
    const tape = openTape(model.backend);
    tape.watch(memory.values());
    const batch = { ...tokens, rows, outputs: Uint32Array.of(2, 3) };
    const { logits } = forwardWithRows(forward(model, tape.calls, batch), memory);
    const states = [0, 1].map(() => createDecodeState(model));
    const sequences = states.map((state, s) => ({ state, ids: s === 0 ? [1, 2, 3] : [4] }));
    const stepped = await decodeStep(model, sequences, { tables });
    expect(stepped.logits.flatMap((row) => [...row])).toEqual([...Float32Array.from(logits.values)]);
    const { loss } = tape.calls.crossEntropy({ logits }, { targets: Int32Array.of(5, 6) });
    const gradients = tape.backward(loss);
    for (const tensor of memory.values()) {
      expect(gradients.of(tensor)?.shape).toEqual(tensor.shape);
      expect(gradients.of(tensor)?.values.some((g) => g !== 0)).toBe(true);
    }
    tape.close();
    gradients.dispose();
    for (const state of states) state.close();
    model.backend.dispose(memory.values());
    expect(model.backend.memory().tensors).toBe(before);
    for (const store of tables.values()) expect(store.stats().openTickets).toBe(0);
  });

  it("that cannot be read leave no ticket open, and nothing on the backend", async () => {
    const rows = rowsNeeded(model, packTokens([[1]]));
    const before = model.backend.memory().tensors;
    const some = madeUpTables(model, "script");
    const last = Math.max(...some.keys());
    const others = new Map([...some].filter(([layer]) => layer !== last));
    expectCode(() => prefetchRows(rows, { tables: others }), "invalid-argument", /no table for block/);
    const failing = awaitRows(model, rows, { tables: some });
    for (const [layer, store] of some) {
      if (layer === last) store.reads.at(-1)?.reject(new Error("gone"));
      else store.reads.at(-1)?.resolve();
    }
    await expectCode(failing, "io", /gone/);
    for (const store of some.values()) expect(store.stats().openTickets).toBe(0);
    expect(model.backend.memory().tensors).toBe(before);
  });

  it("are asked for by the blocks that have an engram, in order, with their ids", async () => {
    const tokens = packTokens([[1, 2, 3]]);
    const rows = rowsNeeded(model, tokens);
    expect(rows.map(({ layer }) => layer)).toEqual(
      model.spec.blocks.flatMap(({ engram }, layer) => (engram === undefined ? [] : [layer])),
    );
    for (const { layer, rowIds } of rows) expect(rowIds).toEqual(model.addressing?.rowIds(layer, tokens.ids));
    const { operations } = model.backend;
    const calls = Object.fromEntries(
      Object.entries(operations).map(([name, { forward: run }]) => [name, run]),
    ) as unknown as Parameters<typeof forward<ReferenceTensor>>[1]; // the same functions by the same names
    const running = forward(model, calls, { ...tokens, rows, outputs: Uint32Array.of(2) });
    expect(running.next()).toEqual({ done: false, value: rows[0] });
    const shape = [3, 1] as const;
    const driver = { backend: model.backend, tickets: new Map(), encoding: { kind: "f32", width: 1 }, shape } as const;
    const again = forward(model, calls, { ...tokens, rows, outputs: Uint32Array.of(2) });
    const own = (tensor: ReferenceTensor) => tensor;
    await expectCode(
      forwardWithTickets(again, { ...driver, own }),
      "invalid-argument",
      /there is nothing for block \d; prefetch/,
    );
    expect(again.next().done).toBe(true);
    const bare = forward(model, calls, { ...tokens, rows: [], outputs: Uint32Array.of(2) });
    expectCode(() => bare.next(), "invalid-argument", /the batch has no rows for block 1/);
  });
});
