// Updates in place, against the reference's: writing, adding, clipping, AdamW and Muon over several steps; and that they
// take effect in the order of the calls, on the handle that all others hold.

import type { AdamWOptions, MuonOptions, MuonParameter } from "@engram-ts/core";
import { expect } from "vitest";
import { uniformValues } from "../../../core/src/model/uniform-values.js";
import { elements } from "./case-inputs.js";
import { type EngineCheck, expectRefusal } from "./engine-check.js";
import type { Twin, Twins } from "./twins.js";

const adamW: AdamWOptions = {
  learningRate: 0.01,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
  step: 1,
};

const muon: MuonOptions = {
  learningRate: 0.02,
  momentum: 0.95,
  nesterov: true,
  weightDecay: 0.1,
  iterations: 5,
  epsilon: 1e-7,
  coefficients: [3.4445, -4.775, 2.0315],
  adjust: "original",
};

function random(twins: Twins, shape: readonly number[], seed: number, bound = 1, use?: "parameter" | "matrix"): Twin {
  return twins.upload(uniformValues(elements(shape), bound, seed, elements(shape)), shape, use);
}

function zerosOf(twins: Twins, shape: readonly number[]): Twin {
  return twins.upload(new Float32Array(elements(shape)), shape, "parameter");
}

/** Some steps of AdamW, with other gradients each, and a factor in some. */
function adamWCheck(shape: readonly number[], options: Partial<AdamWOptions>): EngineCheck {
  return {
    group: "updates",
    name: `AdamW of [${shape.join(", ")}], ${JSON.stringify(options)}`,
    trains: true,
    async run({ twins }) {
      const { engine, reference } = twins;
      const use = shape.length > 1 ? "matrix" : "parameter";
      const parameter = random(twins, shape, 1, 0.5, use);
      const [first, second] = [zerosOf(twins, shape), zerosOf(twins, shape)];
      const factor = twins.upload(Float32Array.of(0.25), [1]);
      for (let step = 1; step <= 5; step++) {
        const gradient = random(twins, shape, 10 + step, step === 4 ? 0 : 0.3);
        const of = { ...adamW, ...options, step };
        const withFactor = step % 2 === 0;
        const ours = { first: first.engine, second: second.engine };
        const exact = { first: first.exact, second: second.exact };
        engine.updates.adamW(parameter.engine, gradient.engine, ours, of, withFactor ? factor.engine : undefined);
        reference.updates.adamW(parameter.exact, gradient.exact, exact, of, withFactor ? factor.exact : undefined);
        twins.dispose([gradient]);
      }
      await twins.compare("parameter after 5 steps of AdamW", parameter, "updates", 0.1);
      await twins.compare("first moment", first, "updates", 1e-4);
      await twins.compare("second moment", second, "updates", 1e-6);
    },
  };
}

function muonCheck(shape: readonly number[], options: Partial<MuonOptions>): EngineCheck {
  return {
    group: "updates",
    name: `Muon of [${shape.join(", ")}], ${JSON.stringify(options)}`,
    trains: true,
    async run({ twins }) {
      const { engine, reference } = twins;
      const parameter = random(twins, shape, 1, 0.5, "matrix");
      const momentum = zerosOf(twins, shape);
      const factor = twins.upload(Float32Array.of(0.25), [1]);
      const of = { ...muon, ...options };
      for (let step = 1; step <= 3; step++) {
        const gradient = random(twins, shape, 10 + step, 0.3);
        const withFactor = step === 2;
        const [ours, exact] = [withFactor ? factor.engine : undefined, withFactor ? factor.exact : undefined];
        const all = { parameter, gradient, momentum };
        engine.updates.muon([sideOf(all, "engine")], of, ours);
        reference.updates.muon([sideOf(all, "exact")], of, exact);
        twins.dispose([gradient]);
      }
      await twins.compare("parameter after 3 steps of Muon", parameter, "muon", 0.1);
      await twins.compare("momentum", momentum, "updates", 1e-2);
    },
  };
}

/** A parameter of Muon on one side. */
function sideOf<S extends "engine" | "exact">(twins: MuonParameter<Twin>, side: S): MuonParameter<Twin[S]> {
  const { parameter, gradient, momentum } = twins;
  return { parameter: parameter[side], gradient: gradient[side], momentum: momentum[side] };
}

const together: EngineCheck = {
  group: "updates",
  name: "clipping, AdamW and Muon of many parameters at once, of equal and of other sides",
  trains: true,
  async run({ twins }) {
    const { engine, reference } = twins;
    const matrices = [
      [12, 8],
      [12, 8],
      [8, 12],
      [3, 12, 8],
      [12, 8],
      [5, 5],
      [2, 8, 12],
      [70, 70],
      [1, 9],
    ];
    const all = [...matrices, [7], [64], [65], [1]].map((shape, i) => ({
      shape,
      parameter: random(twins, shape, 100 + i, 0.5, shape.length > 1 ? "matrix" : "parameter"),
      first: zerosOf(twins, shape),
      second: zerosOf(twins, shape),
    }));
    for (let step = 1; step <= 2; step++) {
      const steps = all.map((one, i) => ({
        ...one,
        gradient: random(twins, one.shape, 100 * step + i, 0.3, "parameter"),
      }));
      const ours = engine.updates.clip(
        steps.map(({ gradient }) => gradient.engine),
        0.5,
      );
      const exact = reference.updates.clip(
        steps.map(({ gradient }) => gradient.exact),
        0.5,
      );
      twins.own({ engine: ours.norm, exact: exact.norm });
      const clip = twins.own({ engine: ours.factor, exact: exact.factor });
      const [last] = steps.slice(-1);
      if (step === 2 && last !== undefined) {
        // after clipping: its update takes what is there now
        engine.updates.accumulate(last.gradient.engine, last.parameter.engine);
        reference.updates.accumulate(last.gradient.exact, last.parameter.exact);
      }
      const turned = steps
        .slice(0, matrices.length)
        .map(({ parameter, gradient, first }) => ({ parameter, gradient, momentum: first }));
      engine.updates.muon(
        turned.map((one) => sideOf(one, "engine")),
        muon,
        clip.engine,
      );
      reference.updates.muon(
        turned.map((one) => sideOf(one, "exact")),
        muon,
        clip.exact,
      );
      for (const { parameter, gradient, first, second } of steps.slice(matrices.length)) {
        const moments = { first: first.engine, second: second.engine };
        const expected = { first: first.exact, second: second.exact };
        engine.updates.adamW(parameter.engine, gradient.engine, moments, { ...adamW, step }, clip.engine);
        reference.updates.adamW(parameter.exact, gradient.exact, expected, { ...adamW, step }, clip.exact);
      }
      if (step === 1) engine.submit();
    }
    for (const [i, { parameter, first }] of all.entries()) {
      const kind = i < matrices.length ? "muon" : "updates";
      await twins.compare(`parameter ${i} of many`, parameter, kind, 0.1);
      await twins.compare(`moment ${i} of many`, first, "updates", 1e-2);
    }
  },
};

const written: EngineCheck = {
  group: "updates",
  name: "a tensor that is written has its new values, under its handle; what was called before has the old ones",
  async run({ twins }) {
    const { engine } = twins;
    const weight = random(twins, [6, 5], 1, 1, "matrix");
    const x = random(twins, [3, 5], 2);
    const before = twins.forward("linear", { x, weight }, {});
    const values = uniformValues(30, 1, 3, 0);
    engine.updates.write(weight.engine, values);
    twins.reference.updates.write(weight.exact, values);
    values.fill(Number.NaN); // they were copied
    const after = twins.forward("linear", { x, weight }, {});
    for (const [about, call] of Object.entries({ before, after })) {
      for (const twin of Object.values(call.outputs)) await twins.compare(`linear ${about} writing`, twin, "forward");
    }
    await expectRefusal(() => engine.updates.write(weight.engine, new Float32Array(29)), "invalid-argument");
    await twins.compare("linear after a refused writing", after.outputs.y ?? x, "forward");
  },
};

const accumulated: EngineCheck = {
  group: "updates",
  name: "gradients of several parts are added up",
  trains: true,
  async run({ twins }) {
    const { engine, reference } = twins;
    for (const shape of [[1], [7], [5, 3], [3, 4, 5]]) {
      const into = random(twins, shape, 1);
      for (let part = 2; part < 5; part++) {
        const addend = random(twins, shape, part);
        engine.updates.accumulate(into.engine, addend.engine);
        reference.updates.accumulate(into.exact, addend.exact);
        twins.dispose([addend]);
      }
      await twins.compare(`sum of [${shape.join(", ")}]`, into, "updates");
    }
    const [a, b] = [random(twins, [2, 3], 1), random(twins, [3, 2], 1)];
    await expectRefusal(() => engine.updates.accumulate(a.engine, b.engine), "invalid-argument");
  },
};

/** Ids of several kinds, as many as may stand at the ends of what engines cut into parts. */
function scattered(count: number, kind: "one" | "distinct" | "frequent"): EngineCheck {
  return {
    group: "updates",
    name: `${count} rows added by number, ${kind} ids`,
    trains: true,
    async run({ twins }) {
      const { engine, reference } = twins;
      const [vocabulary, d] = [1100, 24];
      const noise = uniformValues(count, 1, 4, 0);
      const ids = Uint32Array.from({ length: count }, (_, t) => {
        if (kind === "one") return vocabulary - 1;
        if (kind === "distinct") return (t * 37) % vocabulary;
        return Math.floor(vocabulary ** Math.abs(noise[t] ?? 0)) % vocabulary;
      });
      const rows = random(twins, [count, d], 5);
      const into = random(twins, [vocabulary, d], 6);
      const empty = twins.own({
        engine: engine.updates.zeros(into.engine),
        exact: reference.updates.zeros(into.exact),
      });
      const y = twins.forward("add", { a: into, b: into }, {}).outputs.y ?? into;
      const before = twins.forward("add", { a: y, b: into }, {}).outputs.y ?? into; // reads it before it is changed
      const own = ids.slice();
      const sum = (target: Twin, numbers: Uint32Array): void => {
        engine.updates.scatterAdd(target.engine, numbers, rows.engine);
        reference.updates.scatterAdd(target.exact, ids, rows.exact);
      };
      for (const target of [into, y, empty]) sum(target, own);
      own.fill(0); // they were copied
      const after = twins.forward("add", { a: y, b: into }, {}).outputs.y ?? into;
      await twins.compare("what was read before", before, "forward");
      await twins.compare("what is read after", after, "backward");
      await twins.compare("into an upload", into, "backward");
      await twins.compare("into a result", y, "backward");
      await twins.compare("into zeros", empty, "backward");
      const again = twins.own({
        engine: engine.updates.zeros(into.engine),
        exact: reference.updates.zeros(into.exact),
      });
      sum(again, ids);
      expect(await engine.download(again.engine)).toEqual(await engine.download(empty.engine));
      if (count % 4 > 0) return;
      const beside = random(twins, [count / 4, 4 * d], 7);
      engine.updates.scatterAdd(again.engine, ids, beside.engine);
      reference.updates.scatterAdd(again.exact, ids, beside.exact);
      await twins.compare("rows side by side", again, "backward");
    },
  };
}

const scatterRefused: EngineCheck = {
  group: "updates",
  name: "rows of other widths or numbers are refused, and nothing is changed",
  trains: true,
  async run({ twins }) {
    const { engine } = twins;
    const into = random(twins, [5, 3], 1);
    const rows = random(twins, [2, 3], 2);
    const add = (target: Twin, ids: readonly number[]) => () =>
      engine.updates.scatterAdd(target.engine, Uint32Array.from(ids), rows.engine);
    await expectRefusal(add(into, [0, 5]), "token-out-of-range", /scatterAdd.*id 5/);
    await expectRefusal(add(into, [0]), "invalid-argument", /scatterAdd/);
    await expectRefusal(add(random(twins, [5, 4], 1), [0, 1]), "invalid-argument", /scatterAdd/);
    await expectRefusal(add(random(twins, [15], 1), [0, 1]), "invalid-argument", /scatterAdd/);
    const none = random(twins, [0, 3], 3);
    engine.updates.scatterAdd(into.engine, new Uint32Array(0), none.engine);
    await twins.compare("after all that", into, "forward");
  },
};

const clipped: EngineCheck = {
  group: "updates",
  name: "the norm of all gradients, and the factor that clips it",
  trains: true,
  async run({ twins }) {
    const { engine, reference } = twins;
    const all = [[1], [33], [17, 5], [2, 3, 4]].map((shape, i) => random(twins, shape, i, 0.5));
    const zero = zerosOf(twins, [4, 4]);
    const cases = [
      { about: "above", gradients: all, most: 0.5 },
      { about: "below", gradients: all, most: 100 },
      { about: "of one", gradients: all.slice(0, 1), most: 0.01 },
      { about: "of zeros", gradients: [zero], most: 1 },
      { about: "of a loss times 16, above", gradients: all, most: 0.05, scale: 16 },
      { about: "of a loss times 16, below", gradients: all, most: 100, scale: 16 },
    ];
    for (const { about, gradients, most, scale } of cases) {
      const ours = engine.updates.clip(
        gradients.map((one) => one.engine),
        most,
        scale,
      );
      const exact = reference.updates.clip(
        gradients.map((one) => one.exact),
        most,
        scale,
      );
      const norm = twins.own({ engine: ours.norm, exact: exact.norm });
      const factor = twins.own({ engine: ours.factor, exact: exact.factor });
      await twins.compare(`norm ${about}`, norm, "updates");
      await twins.compare(`factor ${about}`, factor, "updates");
    }
    for (const [i, one] of all.entries()) await twins.compare(`gradient ${i} after clipping`, one, "updates");
  },
};

const ordered: EngineCheck = {
  group: "updates",
  name: "a step between two forwards: the first has the parameters before it, the second those after it",
  trains: true,
  async run({ twins }) {
    const { engine, reference } = twins;
    const weight = random(twins, [8, 8], 1, 0.5, "matrix");
    const x = random(twins, [4, 8], 2);
    const gradient = random(twins, [8, 8], 3);
    const moments = [zerosOf(twins, [8, 8]), zerosOf(twins, [8, 8])] as const;
    const momentum = zerosOf(twins, [8, 8]);
    const calls = [twins.forward("linear", { x, weight }, {})];
    const [first, second] = moments;
    const of = { ...adamW, learningRate: 0.2 };
    engine.updates.adamW(weight.engine, gradient.engine, { first: first.engine, second: second.engine }, of);
    reference.updates.adamW(weight.exact, gradient.exact, { first: first.exact, second: second.exact }, of);
    calls.push(twins.forward("linear", { x, weight }, {}));
    engine.submit();
    const turned = { parameter: weight, gradient, momentum };
    engine.updates.muon([sideOf(turned, "engine")], muon);
    reference.updates.muon([sideOf(turned, "exact")], muon);
    calls.push(twins.forward("linear", { x, weight }, {}));
    const [before, between, after] = calls.map(({ outputs }) => outputs.y ?? x);
    if (before === undefined || between === undefined || after === undefined) expect.fail("three calls");
    await twins.compare("after both", after, "muon");
    await twins.compare("before both", before, "forward");
    await twins.compare("between", between, "updates");
  },
};

/** All updates. */
export function updateChecks(): EngineCheck[] {
  return [
    written,
    accumulated,
    ...[1, 31, 256].map((count) => scattered(count, "frequent")),
    scattered(32, "one"),
    scattered(257, "distinct"),
    scattered(600, "one"),
    scattered(1001, "frequent"),
    scattered(9000, "frequent"),
    scatterRefused,
    clipped,
    adamWCheck([1], {}),
    adamWCheck([33], { weightDecay: 0 }),
    adamWCheck([7, 9], { epsilon: 1e-3 }),
    adamWCheck([64, 32], { beta1: 0, beta2: 0.5 }),
    adamWCheck([3, 5, 6], {}),
    muonCheck([8, 8], {}),
    muonCheck([33, 12], { nesterov: false }),
    muonCheck([12, 33], { adjust: "match-rms-adamw" }),
    muonCheck([1, 9], { weightDecay: 0 }),
    muonCheck([3, 10, 7], { momentum: 0 }),
    muonCheck([4, 6, 16], { iterations: 2 }),
    together,
    ordered,
  ];
}
