// The vectors of Hugging Face transformers on the engine: whole models in prefill and token by token, models composed of
// modules of three, and streams of deepseek_v4. Here the engine is held against what is not ours at all.

import {
  createDecodeState,
  decodeStep,
  readSafetensors,
  type Safetensors,
  tableInfo,
  tensorFloat32,
} from "@engram-ts/core";
import { expect } from "vitest";
import { COMPOSED_MODELS, parityModel, WHOLE_MODELS } from "../../../core/test/model/parity-models.js";
import { fixture } from "../../../core/test/rows/fixture.js";
import { scriptedStore } from "../../../core/test/store/scripted-store.js";
import type { EngineCheck } from "./engine-check.js";
import { twinModels } from "./twin-models.js";
import type { Twins } from "./twins.js";

/** How near float32 PyTorch comes to float64. */
const THEIRS = 1e-5;

/** Values within the engine's tolerance, and theirs, of the greatest expected. */
function expectParity(twins: Twins, about: string, found: ArrayLike<number> | undefined, expected: Float32Array): void {
  const greatest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  expect(found?.length, about).toBe(expected.length);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs((found?.[i] ?? Number.NaN) - (expected[i] ?? 0));
    worst = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(worst, difference);
  }
  twins.counts.other++;
  expect(worst / greatest, about).toBeLessThan(THEIRS + twins.tolerance.model);
}

function wholeCheck(name: (typeof WHOLE_MODELS)[number]): EngineCheck {
  return {
    group: "parity",
    name: `${name}: both sequences in one batch, then token by token`,
    precise: true,
    async run({ twins }) {
      const { spec, file, weights } = parityModel(name);
      const { engine: model } = twinModels(twins, spec, weights);
      const ids = [0, 1].map((s) => integers(file, `ids.${s}`));
      const states = ids.map(() => createDecodeState(model));
      const sequences = ids.map((own, s) => ({ state: states[s] ?? createDecodeState(model), ids: own }));
      const { logits } = await decodeStep(model, sequences, { logits: "all" });
      for (const s of [0, 1]) expectParity(twins, `${name} ${s}`, logits[s], tensorFloat32(file, `logits.${s}`));
      for (const state of states) state.close();
      const expected = tensorFloat32(file, "decoded.0");
      using state = createDecodeState(model);
      const steps = ids[0]?.length ?? 0;
      const decoded: number[] = [];
      for (let t = 0; t < steps; t++) {
        const step = await decodeStep(model, [{ state, ids: ids[0]?.subarray(t, t + 1) ?? [] }]);
        decoded.push(...(step.logits[0] ?? []));
      }
      expectParity(twins, `${name} token by token`, decoded, expected);
    },
  };
}

function composedCheck(name: (typeof COMPOSED_MODELS)[number]): EngineCheck {
  return {
    group: "parity",
    name: `${name}: at once, and in pieces`,
    precise: true,
    async run({ twins }) {
      const { spec, file, weights } = parityModel(name);
      const { engine: model } = twinModels(twins, spec, weights);
      const table = tableInfo({ rows: 420, encoding: { kind: "f32", width: 4 } });
      const rows = tensorFloat32(file, "ple.ple_embedding.ngram_embedding.weight").slice(0, 420 * 4);
      const [layer = 0] = spec.memory?.addressing.layers ?? [];
      const tables = new Map([[layer, scriptedStore(table, new Uint8Array(rows.buffer), { arrival: "soon" })]]);
      const ids = integers(file, "ids.0");
      for (const pieces of [[24], [1, 10, 2, 11]]) {
        using state = createDecodeState(model);
        const found: number[] = [];
        let at = 0;
        for (const length of pieces) {
          const step = await decodeStep(model, [{ state, ids: ids.subarray(at, at + length) }], {
            tables,
            logits: "all",
          });
          found.push(...(step.logits[0] ?? []));
          at += length;
        }
        expectParity(twins, `${name} in ${pieces.length} pieces`, found, tensorFloat32(file, "logits.0"));
      }
    },
  };
}

const streams: EngineCheck = {
  group: "parity",
  name: "the hyper-connections of deepseek_v4",
  async run({ twins }) {
    const digest = "6c6ef304baecc69ffd6a2fc374a3fc03e1b80dc160462fd325a0e0c520680111";
    const file = readSafetensors(fixture("parity-deepseek-v4-hc.safetensors", digest));
    const get = (name: string, ...shape: number[]) => twins.upload(tensorFloat32(file, name), shape);
    const four = get("streams", 9, 48);
    const coefficients = twins.forward(
      "hyperCoefficients",
      { streams: four, projection: get("fn", 24, 48), bias: get("base", 24), scale: get("scale", 3) },
      { streams: 4, normEpsilon: 1e-6, iterations: 3, epsilon: 1e-2, start: "softmax" },
    ).outputs;
    const { pre = four, post = four, mix = four } = coefficients;
    const collapsed = twins.forward("hyperCollapse", { streams: four, pre }, { streams: 4 }).outputs.x ?? four;
    const merged = twins.forward("hyperMerge", { streams: four, x: get("y", 9, 12), post, mix }, { streams: 4 });
    const all = { post, mix, collapsed, merged: merged.outputs.y ?? four };
    for (const [name, twin] of Object.entries(all)) {
      expectParity(twins, name, await twins.engine.download(twin.engine), tensorFloat32(file, name));
    }
  },
};

function integers(file: Safetensors, name: string): Uint32Array {
  const { begin = 0, end = 0 } = file.header.tensors.get(name) ?? {};
  return new Uint32Array(file.bytes.slice(begin, end).buffer);
}

/** All parity vectors. */
export function parityChecks(): EngineCheck[] {
  return [...WHOLE_MODELS.map(wholeCheck), ...COMPOSED_MODELS.map(composedCheck), streams];
}
