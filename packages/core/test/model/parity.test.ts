// The same numbers as Hugging Face transformers: whole models in prefill and token by token, the pieces of models which are
// otherwise not ours (PLE of qwen4_exp, hyper-connections of deepseek_v4), and models composed of all of these.

import { describe, expect, it } from "vitest";
import { createAddressing, readSafetensors, tableInfo, tensorFloat32 } from "../../src/index.js";
import { createDecodeState } from "../../src/model/decode-state.js";
import { decodeStep } from "../../src/model/decode-step.js";
import { createModel } from "../../src/model/forward-model.js";
import { modelParameters } from "../../src/model/parameters.js";
import { referenceBackend } from "../../src/reference/reference-backend.js";
import { fixture } from "../rows/fixture.js";
import { scriptedStore } from "../store/scripted-store.js";
import { COMPOSED_MODELS, parityModel, WHOLE_MODELS } from "./parity-models.js";

describe.each(WHOLE_MODELS)("%s", (name) => {
  const { spec, file, weights } = parityModel(name);
  const backend = referenceBackend();
  const parameters = new Map(
    modelParameters(spec).map(({ name: own, shape }) => [
      own,
      backend.upload(weights.get(own) ?? new Float32Array(0), shape),
    ]),
  );
  const model = createModel({ spec, backend, parameters });
  const idsOf = (s: number) => integers(file, `ids.${s}`);
  const mixtures = spec.blocks.flatMap(({ feedForward }, layer) =>
    feedForward.kind === "moe" ? [{ layer, topK: Number(feedForward.topK) }] : [],
  );

  it("prefills both sequences in one batch to the same logits, by the same experts", async () => {
    const sequences = [0, 1].map((s) => ({ state: createDecodeState(model), ids: idsOf(s) }));
    const reports = mixtures.map(({ layer }) => `blocks.${layer}.feedForward.experts`);
    const result = await decodeStep(model, sequences, { logits: "all", reports });
    sequences.forEach(({ ids }, s) => {
      expectWithin(result.logits[s], tensorFloat32(file, `logits.${s}`), 1e-5);
      mixtures.forEach(({ layer, topK }, m) => {
        const chosen = result.reports.get(`blocks.${layer}.feedForward.experts`) ?? new Float32Array(0);
        const from = s === 0 ? 0 : idsOf(0).length * topK;
        expect(sortedRows(chosen.subarray(from, from + ids.length * topK), topK)).toEqual([
          ...integers(file, `experts.${s}.${m}`),
        ]);
      });
    });
  });

  it("decodes token by token to the same logits", async () => {
    const ids = idsOf(0);
    const expected = tensorFloat32(file, "decoded.0");
    const state = createDecodeState(model);
    for (let t = 0; t < ids.length; t++) {
      const { logits } = await decodeStep(model, [{ state, ids: ids.subarray(t, t + 1) }]);
      expectWithin(logits[0], expected.subarray(t * spec.vocabSize, (t + 1) * spec.vocabSize), 1e-5);
    }
    state.close();
  });
});

describe.each(COMPOSED_MODELS)("%s", (name) => {
  const { spec, file, weights } = parityModel(name);
  const backend = referenceBackend();
  const shapes = modelParameters(spec).filter(({ component }) => component !== "engram tables");
  const parameters = new Map(
    shapes.map(({ name: own, shape }) => [own, backend.upload(weights.get(own) ?? new Float32Array(0), shape)]),
  );
  const model = createModel({ spec, backend, parameters });
  const table = tableInfo({ rows: 420, encoding: { kind: "f32", width: 4 } });
  const rows = tensorFloat32(file, "ple.ple_embedding.ngram_embedding.weight").slice(0, 420 * 4);
  const [layer = 0] = spec.memory?.addressing.layers ?? [];
  const tables = new Map([[layer, scriptedStore(table, new Uint8Array(rows.buffer), { arrival: "soon" })]]);
  const ids = integers(file, "ids.0");
  const expected = tensorFloat32(file, "logits.0");

  it.each([[[24]], [[1, 10, 2, 11]]])(
    "gives the same logits in pieces of %j tokens, rows out of a store",
    async (pieces) => {
      const state = createDecodeState(model);
      let at = 0;
      for (const length of pieces) {
        const { logits } = await decodeStep(model, [{ state, ids: ids.slice(at, at + length) }], {
          tables,
          logits: "all",
        });
        expectWithin(logits[0], expected.slice(at * 72, (at + length) * 72), 1e-5);
        at += length;
      }
      expect(at).toBe(ids.length);
      state.close();
    },
  );
});

describe("the PLE module of qwen4_exp", () => {
  const file = readSafetensors(
    fixture("parity-qwen4-ple.safetensors", "d6b4d9d58f5516fe60eb92a65bcc4b174db72843516f74a96accb9494e06416b"),
  );
  const layer = 1;
  const addressing = createAddressing({
    kind: "qwen-ple",
    vocabSize: 60,
    seed: 1234,
    layers: [layer],
    tableSizes: [101, 101],
    headsPerOrder: 2,
    eosId: 7,
  });
  const ids = integers(file, "ids");
  const [streams, d, rowWidth] = [3, 12, 4];
  const backend = referenceBackend();
  const { operations } = backend;
  const get = (name: string, ...shape: number[]) => backend.upload(tensorFloat32(file, name), shape);

  it("has the same rows, across ends of sequences", () => {
    expect([...addressing.rowIds(layer, ids)]).toEqual([...integers(file, "rows")]);
  });

  // the module's output, of any split of the tokens, with or without a cache
  const run = (from: number, to: number, caches?: readonly ReturnType<typeof backend.createCache>[]) => {
    const table = tensorFloat32(file, "ple_embedding.ngram_embedding.weight");
    const rows = integers(file, "rows").subarray(from * 4, to * 4);
    const memory = new Float32Array(rows.length * rowWidth);
    rows.forEach((row, i) => {
      memory.set(table.subarray(row * rowWidth, (row + 1) * rowWidth), i * rowWidth);
    });
    const hidden = tensorFloat32(file, "hidden").subarray(from * streams * d, to * streams * d);
    const gated = operations.engramGate.forward(
      {
        streams: backend.upload(hidden, [to - from, streams * d]),
        memory: backend.uploadRows({ values: memory }, [to - from, 4 * rowWidth]),
        key: get("key_proj.weight", streams * d, 16),
        value: get("value_proj.weight", d, 16),
        keyNorm: get("norm_key.weight", streams * d),
        queryNorm: get("norm_query.weight", streams * d),
      },
      { streams, epsilon: 1e-6, weightOffset: 1, zeroScore: "half" },
    );
    return operations.shortConvolution.forward(
      {
        x: gated.y,
        norm: get("norm_conv.weight", streams * d),
        weight: get("conv1d.weight", streams * d, 4),
      },
      {
        streams,
        epsilon: 1e-6,
        weightOffset: 1,
        dilation: 3,
        sequences: { cumulativeLengths: Uint32Array.of(0, to - from), starts: Uint32Array.of(caches ? from : 0) },
        ...(caches && { caches }),
      },
    ).y.values;
  };

  it("gives the same output at once", () => {
    expectWithin(run(0, ids.length), tensorFloat32(file, "output"), 1e-5);
  });

  it("gives the same output token by token, through a ring of the tokens that it looks back", () => {
    const expected = tensorFloat32(file, "decoded");
    const cache = backend.createCache({ width: streams * d, capacity: 64, window: 9 });
    for (let t = 0; t < ids.length; t++) {
      expectWithin(run(t, t + 1, [cache]), expected.subarray(t * streams * d, (t + 1) * streams * d), 1e-5);
    }
  });
});

describe("the hyper-connections of deepseek_v4", () => {
  const file = readSafetensors(
    fixture("parity-deepseek-v4-hc.safetensors", "6c6ef304baecc69ffd6a2fc374a3fc03e1b80dc160462fd325a0e0c520680111"),
  );
  it("collapse, mix and merge four streams to the same numbers", () => {
    const backend = referenceBackend();
    const { hyperCoefficients, hyperCollapse, hyperMerge } = backend.operations;
    const get = (name: string, ...shape: number[]) => backend.upload(tensorFloat32(file, name), shape);
    const streams = get("streams", 9, 48);
    const { pre, post, mix } = hyperCoefficients.forward(
      { streams, projection: get("fn", 24, 48), bias: get("base", 24), scale: get("scale", 3) },
      { streams: 4, normEpsilon: 1e-6, iterations: 3, epsilon: 1e-2, start: "softmax" },
    );
    expectWithin(post.values, tensorFloat32(file, "post"), 1e-5);
    expectWithin(mix.values, tensorFloat32(file, "mix"), 1e-5);
    const { x } = hyperCollapse.forward({ streams, pre }, { streams: 4 });
    expectWithin(x.values, tensorFloat32(file, "collapsed"), 1e-5);
    const { y } = hyperMerge.forward({ streams, x: get("y", 9, 12), post, mix }, { streams: 4 });
    expectWithin(y.values, tensorFloat32(file, "merged"), 1e-5);
  });
});

/** Every value within `tolerance` of the greatest expected one. */
function expectWithin(found: ArrayLike<number> | undefined, expected: Float32Array, tolerance: number): void {
  expect(found?.length).toBe(expected.length);
  const greatest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(greatest).toBeGreaterThan(0);
  let worst = 0;
  for (let i = 0; i < expected.length; i++)
    worst = Math.max(worst, Math.abs((found?.[i] ?? Number.NaN) - (expected[i] ?? 0)));
  expect(worst / greatest).toBeLessThan(tolerance);
}

function integers(file: ReturnType<typeof readSafetensors>, name: string): Uint32Array {
  const { begin = 0, end = 0 } = file.header.tensors.get(name) ?? {};
  return new Uint32Array(file.bytes.slice(begin, end).buffer);
}

function sortedRows(values: Float32Array, width: number): number[] {
  const rows: number[] = [];
  for (let at = 0; at < values.length; at += width) rows.push(...values.slice(at, at + width).sort());
  return rows;
}
