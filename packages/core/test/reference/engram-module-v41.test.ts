// V4.1's module against NumPy and PyTorch: from float32 weights, and from fp8 weights as published.
import {
  type EngramModuleV41,
  engramV41Forward,
  isEngramError,
  loadEngramModule,
  type ModuleInputV41,
} from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { expectClose, goldenModule, INPUTS_AND_OUTPUTS } from "./golden-module.js";

const CASES = [
  { name: "module-v41", prefix: "", shape: { streams: 4, width: 32, memoryWidth: 48 } },
  { name: "module-v41-torch", prefix: "", shape: { streams: 3, width: 20, memoryWidth: 28 } },
  { name: "module-v41-fp8", prefix: "layers.1.engram.", shape: { streams: 3, width: 40, memoryWidth: 36 } },
] as const;

describe.each(CASES)("$name", ({ name, prefix, shape }) => {
  const golden = goldenModule(name);
  const module = loadEngramModule(golden.file, { kind: "deepseek-v4.1", prefix, ignore: INPUTS_AND_OUTPUTS });
  const whole = engramV41Forward(module, golden);
  const { streams, width, memoryWidth } = shape;
  const tokens = golden.memory.length / memoryWidth;

  it("reads its sizes off the tensors", () => {
    expect(module).toMatchObject({ kind: "deepseek-v4.1", ...shape });
  });

  it("gives the independent implementation's output", () => {
    expectClose(whole.update, golden.output);
    if (golden.gates !== undefined) expectClose(whole.gates, golden.gates);
  });

  it("token by token: bit for bit the same", () => {
    for (let t = 0; t < tokens; t++) {
      const one: ModuleInputV41 = {
        hidden: golden.hidden.slice(t * streams * width, (t + 1) * streams * width),
        memory: golden.memory.slice(t * memoryWidth, (t + 1) * memoryWidth),
        ...(golden.dead === undefined ? {} : { dead: golden.dead.subarray(t, t + 1) }),
      };
      const output = engramV41Forward(module, one);
      expect(output.update).toEqual(whole.update.slice(t * streams * width, (t + 1) * streams * width));
      expect(output.gates).toEqual(whole.gates.slice(t * streams, (t + 1) * streams));
    }
  });
});

describe("V4.1's module", () => {
  const sizes = { kind: "deepseek-v4.1", streams: 2, width: 2, memoryWidth: 2 } as const;
  const ones = new Float32Array(4).fill(1);
  const module: EngramModuleV41 = {
    ...sizes,
    keysValueWeight: Float32Array.of(1, 0, 0, 1, 1, 0, 0, 1, 2, 0, 0, 2), // two keys e, value 2 e
    queryWeight: ones,
    keyWeight: ones,
  };
  const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

  it("dead positions: gate and update exactly 0, their neighbours untouched", () => {
    const input = { hidden: new Float32Array(12).fill(1), memory: new Float32Array(6).fill(1) };
    const alive = engramV41Forward(module, input);
    const { gates, update } = engramV41Forward(module, { ...input, dead: Uint8Array.of(0, 1, 0) });
    expect([...gates.slice(2, 4), ...update.slice(4, 8)]).toEqual([0, 0, 0, 0, 0, 0]);
    expect([...gates.slice(0, 2), ...gates.slice(4)]).toEqual([...alive.gates.slice(0, 2), ...alive.gates.slice(4)]);
    expect(alive.gates.every((gate) => gate > 0.5)).toBe(true);
  });

  it("a score of 0 copies its sign: the gate is just above one half, not one half", () => {
    // Key (1, 1) and queries (1, -1): the products cancel.
    const { gates } = engramV41Forward(module, {
      hidden: Float32Array.of(1, -1, 1, -1),
      memory: Float32Array.of(1, 1),
    });
    expect([...gates]).toEqual([sigmoid(1e-3), sigmoid(1e-3)]);
  });

  it("an epsilon of 1e-20 alone keeps all-zero embeddings finite, and scales tiny ones to size", () => {
    const hidden = Float32Array.of(1, 1, 1, 1);
    const zero = engramV41Forward(module, { hidden, memory: new Float32Array(2) });
    expect([...zero.update]).toEqual([0, 0, 0, 0]);
    expect(zero.gates.every(Number.isFinite)).toBe(true);
    // Mean square 1e-12: an epsilon of 1e-6 or 2^-23 would shrink the key to nothing.
    const tiny = engramV41Forward(module, { hidden, memory: Float32Array.of(1e-6, 1e-6) });
    expect(tiny.gates[0]).toBeCloseTo(sigmoid(Math.sqrt(2 / Math.sqrt(2))), 6);
  });

  it("no tokens: empty arrays", () => {
    const nothing = { hidden: new Float32Array(0), memory: new Float32Array(0), dead: new Uint8Array(0) };
    const { update, gates } = engramV41Forward(module, nothing);
    expect([update.length, gates.length]).toEqual([0, 0]);
  });

  it("refuses dead flags of another length, and a state of another kind", () => {
    const input = { hidden: new Float32Array(4), memory: new Float32Array(2) };
    const refused = (more: Partial<ModuleInputV41>) => {
      try {
        engramV41Forward(module, { ...input, ...more });
      } catch (error) {
        return isEngramError(error, "invalid-argument") ? error.message : error;
      }
      return "taken";
    };
    expect(refused({ dead: new Uint8Array(2) })).toMatch(/dead has 2 entries.*each of the 1 tokens/);
    expect(refused({ state: { convolution: new Float64Array(4) } })).toMatch(/state.convolution has 4 values/);
  });
});
