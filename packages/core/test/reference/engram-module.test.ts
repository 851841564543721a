// The paper's module against NumPy and PyTorch, in any split of a sequence, and at the points where it is easy to err.
import {
  type EngramModule,
  engramForward,
  isEngramError,
  loadEngramModule,
  type ModuleInput,
  type ModuleOutput,
  type ModuleState,
  randomEngramModule,
} from "@engram-ts/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { expectClose, goldenModule, INPUTS_AND_OUTPUTS } from "./golden-module.js";

const CASES = [
  { name: "module-engram", dilation: 3, tokens: 24, shape: { streams: 4, width: 32, memoryWidth: 48, kernel: 4 } },
  {
    name: "module-engram-torch",
    dilation: 4,
    tokens: 37,
    shape: { streams: 3, width: 20, memoryWidth: 28, kernel: 3 },
  },
] as const;

function load({ name, dilation }: { name: (typeof CASES)[number]["name"]; dilation: number }) {
  const golden = goldenModule(name);
  return { golden, module: loadEngramModule(golden.file, { kind: "engram", dilation, ignore: INPUTS_AND_OUTPUTS }) };
}

/** Runs `cuts` pieces one after the other, each from the state that the one before gave. */
function inPieces(module: EngramModule, input: ModuleInput, tokens: number, cuts: readonly number[]): ModuleOutput {
  const { streams, width, memoryWidth } = module;
  const update = new Float64Array(tokens * streams * width);
  const gates = new Float64Array(tokens * streams);
  let state: ModuleState = { convolution: new Float64Array((module.kernel - 1) * module.dilation * streams * width) };
  let from = 0;
  for (const to of [...cuts, tokens].sort((a, b) => a - b)) {
    const piece = engramForward(module, {
      hidden: input.hidden.slice(from * streams * width, to * streams * width),
      memory: input.memory.slice(from * memoryWidth, to * memoryWidth),
      state,
    });
    update.set(piece.update, from * streams * width);
    gates.set(piece.gates, from * streams);
    state = piece.state;
    from = to;
  }
  return { update, gates, state };
}

describe.each(CASES)("$name", ({ name, dilation, tokens, shape }) => {
  const { golden, module } = load({ name, dilation });
  const whole = engramForward(module, golden);

  it("reads its sizes off the tensors", () => {
    expect(module).toMatchObject({ kind: "engram", dilation, ...shape });
    expect(golden.memory.length).toBe(tokens * shape.memoryWidth);
  });

  it("gives the independent implementation's output", () => {
    expectClose(whole.update, golden.output);
    if (golden.gates !== undefined) expectClose(whole.gates, golden.gates);
  });

  it("token by token: bit for bit the same, the state too", () => {
    const cuts = Array.from({ length: tokens - 1 }, (_, i) => i + 1);
    expect(inPieces(module, golden, tokens, cuts)).toEqual(whole);
  });

  it("in any split, with empty pieces: bit for bit the same", () => {
    const splits = fc.array(fc.integer({ min: 0, max: tokens }), { maxLength: 6 });
    fc.assert(
      fc.property(splits, (cuts) => {
        expect(inPieces(module, golden, tokens, cuts)).toEqual(whole);
      }),
      { numRuns: 40 },
    );
  });

  it("a state is a value: forks continue alike and leave it as it was", () => {
    const { streams, width, memoryWidth } = module;
    const half = Math.floor(tokens / 2);
    const part = (from: number, to: number) => ({
      hidden: golden.hidden.slice(from * streams * width, to * streams * width),
      memory: golden.memory.slice(from * memoryWidth, to * memoryWidth),
    });
    const { state } = engramForward(module, part(0, half));
    const kept = structuredClone(state);
    const once = engramForward(module, { ...part(half, tokens), state });
    engramForward(module, { ...part(0, half), state }); // another continuation
    expect(state).toEqual(kept);
    expect(engramForward(module, { ...part(half, tokens), state: kept })).toEqual(once);
    expect(once.update).toEqual(whole.update.slice(half * streams * width));
  });
});

describe("the paper's module", () => {
  const sizes = { streams: 2, width: 4, memoryWidth: 6, kernel: 4, dilation: 3 };
  const fresh = randomEngramModule({ ...sizes, seed: 1 });
  const past = { convolution: new Float64Array(9 * 8) };

  it("no tokens: empty arrays, and the state as it was", () => {
    const nothing = { hidden: new Float32Array(0), memory: new Float32Array(0) };
    const output = engramForward(fresh, nothing);
    expect(output).toEqual({ update: new Float64Array(0), gates: new Float64Array(0), state: past });
    const state = { convolution: past.convolution.map((_, i) => i) };
    expect(engramForward(fresh, { ...nothing, state }).state).toEqual(state);
  });

  it("a score of exactly 0 gives a gate of exactly one half", () => {
    const memory = Float32Array.from({ length: 6 }, (_, i) => i - 2.5);
    const { gates } = engramForward(fresh, { hidden: new Float32Array(8), memory });
    expect([...gates]).toEqual([0.5, 0.5]);
  });

  it("all-zero embeddings without biases: finite, half-open gates, no update", () => {
    const zeroBias = { keyBias: new Float32Array(4) };
    const module: EngramModule = {
      ...fresh,
      valueBias: new Float32Array(4),
      branches: fresh.branches.map((branch) => ({ ...branch, ...zeroBias })),
    };
    const output = engramForward(module, { hidden: new Float32Array(8).fill(1), memory: new Float32Array(6) });
    expect([...output.gates]).toEqual([0.5, 0.5]);
    expect([...output.update]).toEqual(Array(8).fill(0));
  });

  it("a fresh module's convolution adds nothing: the update is gate times value, and steps do not touch each other", () => {
    const hidden = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i));
    const memory = Float32Array.from({ length: 18 }, (_, i) => Math.cos(i));
    const { update, gates } = engramForward(fresh, { hidden, memory });
    for (let t = 0; t < 3; t++) {
      for (let c = 0; c < 4; c++) {
        let value = fresh.valueBias[c] ?? 0;
        for (let i = 0; i < 6; i++) value += (fresh.valueWeight[c * 6 + i] ?? 0) * (memory[t * 6 + i] ?? 0);
        for (let m = 0; m < 2; m++) {
          expect(update[(t * 2 + m) * 4 + c]).toBeCloseTo((gates[t * 2 + m] ?? 0) * value, 12);
        }
      }
    }
  });

  it("is causal: a token changes nothing before it", () => {
    const { golden, module } = load(CASES[0]);
    const whole = engramForward(module, golden);
    const memory = golden.memory.slice().fill(9, 20 * 48);
    const changed = engramForward(module, { hidden: golden.hidden, memory });
    expect(changed.update.slice(0, 20 * 128)).toEqual(whole.update.slice(0, 20 * 128));
    expect(changed.update.slice(20 * 128)).not.toEqual(whole.update.slice(20 * 128));
  });

  it.each([
    [
      "memory of a part of a token",
      { hidden: new Float32Array(8), memory: new Float32Array(7) },
      /memory has 7 values.*6/,
    ],
    [
      "hidden of another length",
      { hidden: new Float32Array(9), memory: new Float32Array(6) },
      /hidden has 9.*\[1, 2, 4\], 8/,
    ],
    [
      "another module's state",
      { hidden: new Float32Array(8), memory: new Float32Array(6), state: { convolution: new Float64Array(71) } },
      /state.convolution has 71 values, this module's has 72/,
    ],
  ])("refuses %s", (_, input, message) => {
    try {
      engramForward(fresh, input);
      expect.fail("it was taken");
    } catch (error) {
      expect(isEngramError(error, "invalid-argument")).toBe(true);
      expect(String(error)).toMatch(message);
    }
  });
});
