// Checkpoints of others by their own names: whole models that transformers wrote, experts stacked from a tensor each,
// Engram modules that torch wrote; and the way out again.

import { describe, expect, it } from "vitest";
import {
  deepseekV3Names,
  type EngramBranch,
  type EngramSpec,
  encodeSafetensors,
  engramModuleNames,
  exportParameters,
  loadCheckpoint,
  loadEngramModule,
  modelParameters,
  modelPreset,
  type NamedTensor,
  type TensorData,
  tensorFloat32,
} from "../../src/index.js";
import { uniformValues } from "../../src/model/uniform-values.js";
import { expectCode } from "../model/expect-code.js";
import { SMALL_PRESETS } from "../model/model-fixture.js";
import { COMPOSED_MODELS, parityModel, WHOLE_MODELS } from "../model/parity-models.js";
import { goldenModule, INPUTS_AND_OUTPUTS } from "../reference/golden-module.js";
import { memoryStorage } from "./memory-storage.js";

/** What the vectors hold beside the model; a tied head is the embedding again. */
const RESULTS = ["ids", "logits", "decoded", "experts"];

const stored = (bytes: Uint8Array) => memoryStorage([["model.safetensors", bytes]]);

describe.each(WHOLE_MODELS)("%s, as transformers wrote it", (name) => {
  const { spec, file, weights } = parityModel(name);
  const ignore = spec.head === "tied" ? [...RESULTS, "lm_head"] : RESULTS;

  it("is read by its own names", async () => {
    const names = deepseekV3Names(spec, { experts: "fused" });
    const { parameters } = await loadCheckpoint(stored(file.bytes), { spec, names, ignore });
    expect(new Map([...parameters].map(([own, { values }]) => [own, values]))).toEqual(weights);
  });

  it("is read with a tensor for each expert, as published", async () => {
    const tensors = new Map<string, TensorData>();
    for (const [own, { shape }] of file.header.tensors) {
      const [, place = "", which = ""] = /^(.*mlp\.experts)\.(gate_up|down)_proj$/.exec(own) ?? [];
      const values = own.startsWith("model.") || own.startsWith("lm_head") ? tensorFloat32(file, own) : undefined;
      if (values === undefined) continue;
      const [experts = 0, rows = 0, columns = 0] = shape;
      const put = (as: string, begin: number, height: number) =>
        tensors.set(as, {
          dtype: "F32",
          shape: [height, columns],
          data: values.slice(begin, begin + height * columns),
        });
      if (which === "") tensors.set(own, { dtype: "F32", shape, data: values });
      for (let e = 0; which !== "" && e < experts; e++) {
        const at = e * rows * columns;
        if (which === "down") put(`${place}.${e}.down_proj.weight`, at, rows);
        else {
          put(`${place}.${e}.gate_proj.weight`, at, rows / 2);
          put(`${place}.${e}.up_proj.weight`, at + (rows / 2) * columns, rows / 2);
        }
      }
    }
    const names = deepseekV3Names(spec);
    const { parameters } = await loadCheckpoint(stored(encodeSafetensors(tensors)), { spec, names, ignore });
    expect(new Map([...parameters].map(([own, { values }]) => [own, values]))).toEqual(weights);
    const exported = exportParameters(spec, names, parameters);
    if (spec.head === "tied") tensors.delete("lm_head.weight");
    expect(encodeSafetensors(exported)).toEqual(encodeSafetensors(tensors));
  });

  it("names the foreign tensor that is missing", async () => {
    const names = deepseekV3Names(spec);
    await expectCode(
      loadCheckpoint(stored(file.bytes), { spec, names, ignore: [...ignore, "model"] }),
      "not-found",
      /"model.layers.1.mlp.experts.0.gate_proj.weight" is in none/,
    );
  });
});

it.each(COMPOSED_MODELS)("%s: the module's names are transformers'", (name) => {
  const { spec, file, weights } = parityModel(name);
  const [layer = 0] = spec.memory?.addressing.layers ?? [];
  const engram = spec.blocks[layer]?.engram;
  if (engram === undefined) throw new Error("the model has a module");
  const names = engramModuleNames(engram, { width: 24, streams: 3, memoryWidth: 16 }, "ple.");
  expect(names.size).toBe(6);
  for (const [own, [piece]] of names) {
    expect(file.header.tensors.get(piece?.name ?? "")?.shape).toEqual(piece?.shape);
    expect(tensorFloat32(file, piece?.name ?? "")).toEqual(weights.get(`blocks.${layer}.engram.${own}`));
  }
});

it.each(["engram", "deepseek-v4.1"] as const)("%s: the module that torch wrote is read by its names", (kind) => {
  const { file } = goldenModule(kind === "engram" ? "module-engram-torch" : "module-v41-torch");
  const spec: EngramSpec =
    kind === "engram"
      ? { kind, bias: true, normEpsilon: 1e-6, convolution: { kernel: 3, dilation: 3, normEpsilon: 1e-6 } }
      : { kind, normEpsilon: 1e-20 };
  const names = engramModuleNames(spec, { width: 20, streams: 3, memoryWidth: 28 });
  const found = new Map(
    [...names].map(([own, pieces]) => {
      for (const { name, shape } of pieces) expect(file.header.tensors.get(name)?.shape).toEqual(shape);
      return [own, pieces.flatMap(({ name, begin, end }) => [...tensorFloat32(file, name).subarray(begin, end)])];
    }),
  );
  const used = new Set([...names.values()].flatMap((pieces) => pieces.map(({ name }) => name)));
  expect([...file.header.tensors.keys()].filter((name) => !used.has(name)).toSorted()).toEqual(
    INPUTS_AND_OUTPUTS.filter((name) => file.header.tensors.has(name)).toSorted(),
  );
  if (kind === "engram") {
    const module = loadEngramModule(file, { kind, dilation: 3, ignore: INPUTS_AND_OUTPUTS });
    const all = (field: keyof EngramBranch) => module.branches.flatMap((branch) => [...branch[field]]);
    expect(found).toEqual(
      new Map([
        ["key.weight", all("keyWeight")],
        ["value.weight", [...module.valueWeight]],
        ["keyNorm.weight", all("keyNorm")],
        ["queryNorm.weight", all("queryNorm")],
        ["key.bias", all("keyBias")],
        ["value.bias", [...module.valueBias]],
        ["convolutionNorm.weight", all("convolutionNorm")],
        ["convolution.weight", [...module.convolutionWeight]],
      ]),
    );
  } else {
    const module = loadEngramModule(file, { kind, ignore: INPUTS_AND_OUTPUTS });
    const keysValue = [...module.keysValueWeight];
    expect(found).toEqual(
      new Map([
        ["key.weight", keysValue.slice(0, 60 * 28)],
        ["value.weight", keysValue.slice(60 * 28)],
        ["keyNorm.weight", [...module.keyWeight]],
        ["queryNorm.weight", [...module.queryWeight]],
      ]),
    );
  }
});

it.each(SMALL_PRESETS)("%s goes out and comes back", async (preset) => {
  const spec = modelPreset(preset);
  const parameters = new Map<string, NamedTensor>();
  modelParameters(spec).forEach(({ name, shape, component }, i) => {
    if (component === "engram tables") return;
    const size = shape.reduce((product, side) => product * side, 1);
    parameters.set(name, { shape, values: uniformValues(size, 1, 1, i) });
  });
  const names = deepseekV3Names(spec, { prefix: "" });
  const file = encodeSafetensors(exportParameters(spec, names, parameters));
  expect((await loadCheckpoint(stored(file), { spec, names })).parameters).toEqual(parameters);
});
