// Updates against PyTorch's optimizers (tools/oracles/updates.py), in float64; and on the backend: rounding to float32,
// factors, experts as matrices of their own, what is refused.

import { describe, expect, it } from "vitest";
import { readSafetensors, tensorValues } from "../../../src/checkpoint/safetensors.js";
import type { AdamWOptions, MuonOptions } from "../../../src/model/backend-updates.js";
import { referenceBackend } from "../../../src/reference/reference-backend.js";
import { adamW } from "../../../src/reference/updates/adam-w.js";
import { clipFactor, gradientNorm } from "../../../src/reference/updates/gradient-norm.js";
import { muon } from "../../../src/reference/updates/muon.js";
import { expectCode } from "../../model/expect-code.js";
import { fixture } from "../../rows/fixture.js";

const file = readSafetensors(
  fixture("updates.safetensors", "559a5c96a51e4cabe25a1956f9783df256d46c34fa44585c96906bc7bfb42e9b"),
);
const floats = (name: string): Float64Array =>
  Float64Array.from(tensorValues(file, name) as Float32Array | Float64Array);
const steps = [0, 1, 2];
const adamOptions = { learningRate: 0.02, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 };
const muonOptions: MuonOptions = {
  learningRate: 0.03,
  momentum: 0.9,
  nesterov: true,
  weightDecay: 0.1,
  iterations: 5,
  epsilon: 1e-7,
  coefficients: [3.4445, -4.775, 2.0315],
  adjust: "original",
};

function expectNear(found: ArrayLike<number>, expected: ArrayLike<number>, within = 1e-12): void {
  expect(found.length).toBe(expected.length);
  for (let i = 0; i < expected.length; i++) {
    const difference = Math.abs((found[i] ?? Number.NaN) - (expected[i] ?? 0));
    if (!(difference <= within)) expect.fail(`value ${i}: ${found[i]}, expected ${expected[i]}`);
  }
}

describe("formulae", () => {
  it("adamW is torch.optim.AdamW", () => {
    const parameter = floats("adamW.before");
    const [first, second] = [new Float64Array(15), new Float64Array(15)];
    for (const i of steps) {
      adamW({ parameter, gradient: floats(`adamW.gradient.${i}`), first, second }, { ...adamOptions, step: i + 1 });
      expectNear(parameter, floats(`adamW.after.${i}`));
    }
    expectNear(first, floats("adamW.first"));
    expectNear(second, floats("adamW.second"));
  });

  it.each<[string, readonly [number, number], Partial<MuonOptions>]>([
    ["muon.wide", [3, 7], {}],
    ["muon.tall", [6, 2], {}],
    ["muon.square", [4, 4], { nesterov: false, adjust: "match-rms-adamw" }],
    ["muon.row", [1, 5], { adjust: "match-rms-adamw" }],
  ])("%s is torch.optim.Muon in float64", (name, sides, options) => {
    const parameter = floats(`${name}.before`);
    const momentum = new Float64Array(parameter.length);
    for (const i of steps) {
      const arrays = { parameter, gradient: floats(`${name}.gradient.${i}`), momentum };
      muon(arrays, sides, { ...muonOptions, ...options });
      expectNear(parameter, floats(`${name}.after.${i}`), 1e-11);
    }
    expectNear(momentum, floats(`${name}.momentum`));
  });

  it("the norm is PyTorch's, and the factor brings it to the limit", () => {
    const gradients = [floats("clip.gradient.0"), floats("clip.gradient.1")];
    const norm = gradientNorm(gradients);
    expectNear([norm], floats("clip.norm"));
    const factor = clipFactor(norm, 0.5);
    expect(gradientNorm(gradients.map((one) => one.map((g) => g * factor)))).toBeCloseTo(0.5, 12);
    expect(clipFactor(norm, norm * 2)).toBe(1);
    expect(clipFactor(0, 1)).toBe(1);
    expect(clipFactor(Number.NaN, 1)).toBeNaN();
    expect(gradientNorm([])).toBe(0);
  });
});

describe("on the backend", () => {
  it("keeps parameters and moments as float32, under their handles", async () => {
    const backend = referenceBackend();
    const before = floats("adamW.before");
    const parameter = backend.upload(before, [5, 3], "parameter");
    const gradient = backend.upload(floats("adamW.gradient.0"), [5, 3]);
    const zeros = () => backend.upload(new Float32Array(15), [5, 3]);
    const moments = { first: zeros(), second: zeros() };
    backend.updates.adamW(parameter, gradient, moments, { ...adamOptions, step: 1 });
    expectNear(parameter.values, floats("adamW.after.0"), 1e-7);
    for (const { values } of [parameter, moments.first, moments.second]) {
      expect([...values]).toEqual([...Float32Array.from(values)]);
    }
    expect(backend.memory().tensors).toBe(4);
  });

  it("clips gradients of a loss that was scaled as those of the loss", () => {
    const { upload, updates } = referenceBackend();
    const clipped = (times: number, most: number) => {
      const gradient = upload(Float32Array.of(3 * times, -4 * times), [2]);
      const { norm, factor } = updates.clip([gradient], most, times);
      return [norm.values[0], ...gradient.values.map((g) => g * (factor.values[0] ?? 0))];
    };
    for (const most of [1, 100]) expect(clipped(8, most)).toEqual(clipped(1, most));
    expect(clipped(8, 1)).toEqual([5, 0.6, -0.8].map((value) => expect.closeTo(value, 6)));
  });

  it("embeds rows side by side, and adds them back", () => {
    const { upload, operations, updates } = referenceBackend();
    const table = upload(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2]);
    const ids = Uint32Array.of(2, 0, 2, 2);
    const { y } = operations.embed.forward({ table }, { ids, idsPerToken: 2 });
    expect([y.shape, [...y.values]]).toEqual([
      [2, 4],
      [5, 6, 1, 2, 5, 6, 5, 6],
    ]);
    updates.scatterAdd(table, ids, y);
    expect([...table.values]).toEqual([2, 4, 3, 4, 20, 24]);
    expectCode(
      () => operations.embed.forward({ table }, { ids, idsPerToken: 3 }),
      "invalid-argument",
      /idsPerToken is 3/,
    );
    const badly = upload(new Float32Array(8), [1, 8, 1]);
    expectCode(() => updates.scatterAdd(table, ids, badly), "invalid-argument", /rows has shape \[1, 8, 1\]/);
  });

  it("scales by the factor of a clip", () => {
    const run = (scaled: boolean) => {
      const backend = referenceBackend();
      const parameter = backend.upload(floats("muon.wide.before"), [3, 7]);
      const given = floats("muon.wide.gradient.0");
      const whole = backend.upload(given, [3, 7]);
      const { norm, factor } = backend.updates.clip([whole], 0.25);
      const half = backend.upload(
        given.map((g) => g * (factor.values[0] ?? 0)),
        [3, 7],
      );
      const first = backend.upload(new Float32Array(21), [3, 7]);
      const second = backend.upload(new Float32Array(21), [3, 7]);
      const momentum = backend.upload(new Float32Array(21), [3, 7]);
      const gradient = scaled ? whole : half;
      backend.updates.muon([{ parameter, gradient, momentum }], muonOptions, scaled ? factor : undefined);
      backend.updates.adamW(
        parameter,
        gradient,
        { first, second },
        { ...adamOptions, step: 1 },
        scaled ? factor : undefined,
      );
      expect(norm.shape).toEqual([1]);
      return [...parameter.values, ...momentum.values, ...second.values];
    };
    expect(run(true)).toEqual(run(false));
  });

  it("takes each expert's matrix for itself", () => {
    const backend = referenceBackend();
    const both = (name: string) => Float64Array.of(...floats(`muon.wide.${name}`), ...floats(`muon.wide.${name}`));
    const parameter = backend.upload(both("before"), [2, 3, 7]);
    const gradient = backend.upload(both("gradient.0"), [2, 3, 7]);
    const momentum = backend.upload(new Float32Array(42), [2, 3, 7]);
    backend.updates.muon([{ parameter, gradient, momentum }], muonOptions);
    expectNear(parameter.values.subarray(21), floats("muon.wide.after.0"), 1e-6);
    expect([...parameter.values.subarray(0, 21)]).toEqual([...parameter.values.subarray(21)]);
  });

  it("writes copies, and accumulates", () => {
    const backend = referenceBackend();
    const tensor = backend.upload(Float32Array.of(1, 2), [2]);
    const values = Float32Array.of(3, 4);
    backend.updates.write(tensor, values);
    values[0] = 9;
    backend.updates.accumulate(tensor, backend.upload(Float32Array.of(10, 20), [2]));
    expect([...tensor.values]).toEqual([13, 24]);
  });

  it("refuses what does not fit", async () => {
    const backend = referenceBackend();
    const { updates } = backend;
    const pair = () => backend.upload(Float32Array.of(1, 2), [2]);
    const one = backend.upload(Float32Array.of(1), [1]);
    const moments = { first: pair(), second: pair() };
    const options: AdamWOptions = { ...adamOptions, step: 1 };
    expectCode(() => updates.write(pair(), Float32Array.of(1)), "invalid-argument", /1 values .* takes 2/);
    expectCode(() => updates.accumulate(pair(), one), "invalid-argument", /addend has shape \[1\], expected \[2\]/);
    expectCode(() => updates.adamW(pair(), one, moments, options), "invalid-argument", /gradient has shape/);
    expectCode(() => updates.adamW(pair(), pair(), moments, options, pair()), "invalid-argument", /factor has shape/);
    expectCode(
      () => updates.adamW(pair(), pair(), moments, { ...options, step: 0 }),
      "invalid-argument",
      /steps count from 1/,
    );
    expectCode(
      () => updates.muon([{ parameter: pair(), gradient: pair(), momentum: pair() }], muonOptions),
      "invalid-argument",
      /Muon takes/,
    );
    expectCode(() => updates.clip([one], 0), "invalid-argument", /most is 0/);
    expectCode(() => updates.clip([one], 1, 0), "invalid-argument", /scale is 0/);
    backend.dispose([one]);
    expectCode(() => updates.clip([pair(), one], 1), "invalid-argument", /gradients\[1\] is disposed of/);
    await expectCode(backend.download(pair(), { signal: AbortSignal.abort() }), "aborted", /the download was aborted/);
    await backend.close();
    expectCode(() => updates.clip([], 1), "invalid-argument", /closed/);
  });
});
