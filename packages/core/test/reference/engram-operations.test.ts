// The two operations that make an Engram module give what PyTorch and NumPy give for whole modules, at once and through
// caches.

import { describe, expect, it } from "vitest";
import { engramForward, loadEngramModule } from "../../src/index.js";
import { referenceBackend } from "../../src/reference/reference-backend.js";
import { expectClose, goldenModule, INPUTS_AND_OUTPUTS } from "./golden-module.js";

describe.each([
  ["module-engram", 3],
  ["module-engram-torch", 4],
] as const)("engramGate and shortConvolution on %s", (name, dilation) => {
  const golden = goldenModule(name);
  const module = loadEngramModule(golden.file, { kind: "engram", dilation, ignore: INPUTS_AND_OUTPUTS });
  const { streams, width: d, memoryWidth, kernel, branches } = module;
  const tokens = golden.memory.length / memoryWidth;
  const backend = referenceBackend();
  const joined = (values: (branch: (typeof branches)[number]) => ArrayLike<number>, ...shape: number[]) =>
    backend.upload(Float64Array.from(branches.flatMap((branch) => Array.from(values(branch)))), shape);
  const weights = {
    key: joined((branch) => branch.keyWeight, streams * d, memoryWidth),
    keyBias: joined((branch) => branch.keyBias, streams * d),
    keyNorm: joined((branch) => branch.keyNorm, streams * d),
    queryNorm: joined((branch) => branch.queryNorm, streams * d),
    value: backend.upload(module.valueWeight, [d, memoryWidth]),
    valueBias: backend.upload(module.valueBias, [d]),
  };
  const norm = joined((branch) => branch.convolutionNorm, streams * d);
  const weight = backend.upload(module.convolutionWeight, [streams * d, kernel]);
  const gate = { streams, epsilon: 2 ** -23, weightOffset: 0, zeroScore: "half" } as const;
  const run = (from: number, to: number, caches?: readonly ReturnType<typeof backend.createCache>[]) => {
    const part = (values: Float32Array, width: number) =>
      backend.upload(values.slice(from * width, to * width), [to - from, width]);
    const inputs = { streams: part(golden.hidden, streams * d), memory: part(golden.memory, memoryWidth), ...weights };
    const { y: x, gates } = backend.operations.engramGate.forward(inputs, gate);
    const sequences = { cumulativeLengths: Uint32Array.of(0, to - from), starts: Uint32Array.of(from) };
    const options = {
      streams,
      epsilon: 1e-5,
      weightOffset: 0,
      dilation,
      sequences,
      ...(caches && { caches }),
    } as const;
    const { y } = backend.operations.shortConvolution.forward({ x, norm, weight }, options);
    return { y: y.values, gates: gates.values };
  };

  it("gives the module's output and gates", () => {
    const { y, gates } = run(0, tokens);
    expectClose(y, golden.output);
    if (golden.gates !== undefined) expectClose(gates, golden.gates);
    expect(y).toEqual(engramForward(module, golden).update);
  });

  it("gives it in pieces, bit for bit", () => {
    const whole = run(0, tokens).y;
    const window = (kernel - 1) * dilation;
    const cache = backend.createCache({ width: streams * d, capacity: tokens, window });
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [2, 2],
      [2, 2 + window],
      [2 + window, 4 + window],
      [4 + window, tokens],
    ] as const) {
      expect(run(from, to, [cache]).y).toEqual(whole.slice(from * streams * d, to * streams * d));
    }
  });
});

describe("engramGate on module-v41-torch", () => {
  it("gives the module's output and gates, dead tokens and zero scores included", () => {
    const golden = goldenModule("module-v41-torch");
    const module = loadEngramModule(golden.file, { kind: "deepseek-v4.1", ignore: INPUTS_AND_OUTPUTS });
    const { streams, width: d, memoryWidth, keysValueWeight } = module;
    const tokens = golden.memory.length / memoryWidth;
    const backend = referenceBackend();
    const keys = streams * d * memoryWidth;
    const { y, gates } = backend.operations.engramGate.forward(
      {
        streams: backend.upload(golden.hidden, [tokens, streams * d]),
        memory: backend.upload(golden.memory, [tokens, memoryWidth]),
        key: backend.upload(keysValueWeight.slice(0, keys), [streams * d, memoryWidth]),
        value: backend.upload(keysValueWeight.slice(keys), [d, memoryWidth]),
        keyNorm: backend.upload(module.keyWeight, [streams * d]),
        queryNorm: backend.upload(module.queryWeight, [streams * d]),
      },
      {
        streams,
        epsilon: 1e-20,
        weightOffset: 0,
        zeroScore: "copied-sign",
        ...(golden.dead && { dead: golden.dead }),
      },
    );
    expectClose(y.values, golden.output);
    expectClose(gates.values, golden.gates ?? []);
  });
});
