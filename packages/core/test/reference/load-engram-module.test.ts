// Loading: sizes from shapes, names checked both ways, published layouts, and the way back to a file.
import {
  encodeSafetensors,
  engramModuleFrom,
  engramModuleTensors,
  engramModuleV41From,
  isEngramError,
  loadEngramModule,
  MAX_DILATION,
  type NamedTensor,
  randomEngramModule,
  readSafetensors,
  type TensorData,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";

const fresh = randomEngramModule({ streams: 2, width: 3, memoryWidth: 5, kernel: 4, dilation: 3, seed: 9 });
const v41 = {
  kind: "deepseek-v4.1",
  streams: 2,
  width: 3,
  memoryWidth: 5,
  keysValueWeight: Float32Array.from({ length: 45 }, (_, i) => i),
  queryWeight: new Float32Array(6).fill(2),
  keyWeight: new Float32Array(6).fill(3),
} as const;

function fileOf(tensors: ReadonlyMap<string, TensorData>) {
  return readSafetensors(encodeSafetensors(tensors));
}

function refusal(call: () => unknown): { code: string; message: string } {
  try {
    call();
  } catch (error) {
    if (isEngramError(error)) return { code: error.code, message: error.message };
    throw error;
  }
  return { code: "taken", message: "" };
}

describe("a module's tensors", () => {
  it("come back from a file, under a prefix, beside the table and other layers", () => {
    const tensors = new Map([
      ...engramModuleTensors(fresh, "layers.1.engram."),
      [
        "layers.1.engram.multi_head_embedding.embedding.weight",
        { dtype: "F32", shape: [1], data: new Float32Array(1) },
      ],
      ["layers.1.attention.weight", { dtype: "I8", shape: [1], data: new Int8Array(1) }],
    ] as const);
    const loaded = loadEngramModule(fileOf(tensors), { kind: "engram", dilation: 3, prefix: "layers.1.engram." });
    expect(loaded).toEqual(fresh);
  });

  it("come back for V4.1 too", () => {
    const loaded = loadEngramModule(fileOf(engramModuleTensors(v41)), { kind: "deepseek-v4.1" });
    expect(loaded).toEqual(v41);
  });

  it("bear the names of the published code", () => {
    expect([...engramModuleTensors(fresh).keys()].sort()).toEqual([
      "key_projs.0.bias",
      "key_projs.0.weight",
      "key_projs.1.bias",
      "key_projs.1.weight",
      "norm1.0.weight",
      "norm1.1.weight",
      "norm2.0.weight",
      "norm2.1.weight",
      "short_conv.conv.weight",
      "short_conv.norms.0.weight",
      "short_conv.norms.1.weight",
      "value_proj.bias",
      "value_proj.weight",
    ]);
  });
});

describe("refuses", () => {
  it.each([...engramModuleTensors(fresh).keys()])("a file without %s, naming it", (name) => {
    const tensors = new Map(engramModuleTensors(fresh));
    tensors.delete(name);
    const { code, message } = refusal(() => loadEngramModule(fileOf(tensors), { kind: "engram", dilation: 3 }));
    expect(code).toBe("invalid-safetensors");
    // Without its second key projection a file is one of a single stream, in which the rest of the second is too much.
    if (name === "key_projs.1.weight") expect(message).toMatch(/short_conv.conv.weight.*\[6,1,4\], expected \[3,1,4\]/);
    else expect(message).toContain(`"${name}"`);
  });

  it.each([...engramModuleTensors(fresh)])("another shape of %s, with both shapes", (name, tensor) => {
    const shape = [...tensor.shape.slice(0, -1), (tensor.shape.at(-1) ?? 0) + 1];
    const size = shape.reduce((product, side) => product * side, 1);
    const tensors = new Map([
      ...engramModuleTensors(fresh),
      [name, { dtype: "F32", shape, data: new Float32Array(size) } as TensorData],
    ]);
    const { code, message } = refusal(() => loadEngramModule(fileOf(tensors), { kind: "engram", dilation: 3 }));
    if (name === "short_conv.conv.weight") return expect(code).toBe("taken"); // a kernel of 5 is a kernel
    expect(code).toBe("invalid-safetensors");
    // The memory's width is read off value_proj.weight: another one there shows at the first key projection.
    if (name === "value_proj.weight")
      expect(message).toMatch(/"key_projs.0.weight" has shape \[3,5\], expected \[3,6\]/);
    else expect(message).toContain(`"${name}" has shape [${shape}], expected [${tensor.shape}]`);
  });

  it.each(["wkv.weight", "q_weight", "k_weight"])("a V4.1 file without %s, naming it", (name) => {
    const tensors = new Map(engramModuleTensors(v41));
    tensors.delete(name);
    expect(refusal(() => loadEngramModule(fileOf(tensors), { kind: "deepseek-v4.1" }))).toEqual({
      code: "invalid-safetensors",
      message: expect.stringContaining(`"${name}"`),
    });
  });

  it("a V4.1 file whose parts do not fit, and scales of other blocks", () => {
    const with_ = (name: string, shape: number[]) => {
      const size = shape.reduce((product, side) => product * side, 1);
      const tensors = new Map([
        ...engramModuleTensors(v41),
        [name, { dtype: "F32", shape, data: new Float32Array(size) } as TensorData],
      ]);
      return refusal(() => loadEngramModule(fileOf(tensors), { kind: "deepseek-v4.1" })).message;
    };
    expect(with_("wkv.weight", [6, 5])).toMatch(/"wkv.weight" has shape \[6,5\], expected \[9,5\]/);
    expect(with_("wkv.weight", [45])).toMatch(/"wkv.weight" has shape \[45\], expected 2 sides/);
    expect(with_("k_weight", [3, 2])).toMatch(/"k_weight" has shape \[3,2\], expected \[2,3\]/);
    expect(with_("wkv.scale", [2, 1])).toMatch(/"wkv.scale" has shape \[2,1\], expected \[1,1\]/);
    expect(with_("q_weight", [0, 3])).toMatch(/"q_weight" has shape \[0,3\], expected 2 sides, none of them 0/);
  });

  it("a tensor that is no part of the module, unless it is named", () => {
    const extra: TensorData = { dtype: "F32", shape: [1], data: new Float32Array(1) };
    const file = fileOf(new Map([...engramModuleTensors(fresh), ["surplus", extra], ["__proto__", extra]]));
    const { code, message } = refusal(() => loadEngramModule(file, { kind: "engram", dilation: 3 }));
    expect(code).toBe("invalid-safetensors");
    expect(message).toMatch(/"__proto__", "surplus": no part of this module.*ignore/);
    const ignore = ["surplus", "__proto__"];
    expect(loadEngramModule(file, { kind: "engram", dilation: 3, ignore })).toEqual(fresh);
  });

  it("integers for weights", () => {
    const tensors = new Map([
      ...engramModuleTensors(fresh),
      ["value_proj.bias", { dtype: "I32", shape: [3], data: new Int32Array(3) } as TensorData],
    ]);
    expect(refusal(() => loadEngramModule(fileOf(tensors), { kind: "engram", dilation: 3 })).code).toBe("unsupported");
  });

  it("an empty prefix's worth of tensors, and says so", () => {
    const file = fileOf(engramModuleTensors(fresh));
    const { message } = refusal(() => loadEngramModule(file, { kind: "engram", dilation: 3, prefix: "layers.2." }));
    expect(message).toMatch(/no tensors at all; is the prefix right\?/);
  });

  it("values that do not fill their shape", () => {
    const tensors = new Map<string, NamedTensor>([
      ["q_weight", { shape: [2, 3], values: new Float32Array(5) }],
      ["k_weight", { shape: [2, 3], values: new Float32Array(6) }],
      ["wkv.weight", { shape: [9, 5], values: new Float32Array(45) }],
    ]);
    expect(refusal(() => engramModuleV41From(tensors)).message).toMatch(/"q_weight" has 5 values.*takes 6/);
  });

  it.each([0, -1, 1.5, Number.NaN, MAX_DILATION + 1])("a dilation of %s", (dilation) => {
    expect(refusal(() => engramModuleFrom(new Map(), dilation))).toEqual({
      code: "invalid-argument",
      message: expect.stringContaining(`dilation is ${dilation}`),
    });
  });

  it.each(["qwen-ple", "constructor", "__proto__", ""])("the kind %j", (kind) => {
    const options = { kind: kind as "deepseek-v4.1" };
    expect(refusal(() => loadEngramModule(fileOf(new Map()), options))).toEqual({
      code: "invalid-argument",
      message: expect.stringMatching(/use one of engram, deepseek-v4.1/),
    });
  });
});
