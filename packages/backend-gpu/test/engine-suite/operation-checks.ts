// Every operation, forward and backward: all gradients at once, one by one, of some outputs alone, and the same tensor
// given twice.

import { expect } from "vitest";
import { uniformValues } from "../../../core/src/model/uniform-values.js";
import { OPERATION_CASES } from "../../../core/test/reference/operation-cases.js";
import { CONSTANTS, caseValues, type SuiteCase } from "./case-inputs.js";
import type { CheckContext, EngineCheck } from "./engine-check.js";
import { LARGER_CASES, NO_TOKENS } from "./larger-cases.js";
import type { NamedTwins, Twin, TwinCall, Twins } from "./twins.js";

/** Inputs of a case on both; matrices and norms as parameters, the rest as what runs through. */
export function uploadInputs(twins: Twins, one: SuiteCase): NamedTwins {
  const values = caseValues(one);
  return Object.fromEntries(
    Object.entries(one.inputs).map(([name, shape]) => [
      name,
      twins.upload(values[name] ?? new Float32Array(0), shape, useOf(one, name, shape)),
    ]),
  );
}

/** Inputs that are no matrices of weights, or none that may be kept in a narrower type (uploadUse of core). */
const ACTIVATIONS = new Set(["x", "a", "b", "streams", "memory", "logits", "pre", "post", "mix"]);
const KEPT_WIDE = new Set(["router", "projection"]);

function useOf({ name: operation }: SuiteCase, name: string, shape: readonly number[]) {
  if (ACTIVATIONS.has(name)) return undefined;
  const isTaps = operation === "shortConvolution" && name === "weight";
  return shape.length > 1 && !isTaps && !KEPT_WIDE.has(name) ? "matrix" : "parameter";
}

/** Compares the outputs of a call; experts and their weights in the order of the experts. */
export async function compareOutputs(twins: Twins, about: string, call: TwinCall): Promise<void> {
  const { experts, weights, ...others } = call.outputs;
  if (experts !== undefined && weights !== undefined) await compareRoutes(twins, about, experts, weights);
  for (const [name, twin] of Object.entries(others)) await twins.compare(`${about}: ${name}`, twin, "forward");
}

async function compareRoutes(twins: Twins, about: string, experts: Twin, weights: Twin): Promise<void> {
  const [, topK = 1] = experts.exact.shape;
  const ours = byExpert(await twins.engine.download(experts.engine), await twins.engine.download(weights.engine), topK);
  const expected = await twins.reference.download(weights.exact);
  const exact = byExpert(experts.exact.values, expected, topK);
  expect(twins.engine.shape(experts.engine)).toEqual(experts.exact.shape);
  expect(ours.experts, `${about}: experts`).toEqual(exact.experts);
  twins.compareValues(`${about}: weights`, ours.weights, exact.weights, "forward");
}

function byExpert(experts: ArrayLike<number>, weights: ArrayLike<number>, topK: number) {
  const order = Array.from(experts, (expert, i) => ({ token: Math.floor(i / topK), expert, weight: weights[i] ?? 0 }));
  order.sort((a, b) => a.token - b.token || a.expert - b.expert);
  return { experts: order.map(({ expert }) => expert), weights: order.map(({ weight }) => weight) };
}

/** Seeded gradients of the outputs that have one. */
function gradientsOf(twins: Twins, { outputs }: TwinCall): NamedTwins {
  const names = Object.keys(outputs).filter((name) => !CONSTANTS.has(name));
  return Object.fromEntries(
    names.map((name, i) => {
      const { shape, values } = outputs[name]?.exact ?? { shape: [], values: [] };
      return [name, twins.upload(uniformValues(values.length, 1, 6, i), shape)];
    }),
  );
}

async function compareAll(twins: Twins, about: string, gradients: NamedTwins): Promise<void> {
  for (const [name, twin] of Object.entries(gradients)) {
    await twins.compare(`${about}: gradient of ${name}`, twin, "backward");
  }
}

const aboutOf = ({ name, about }: SuiteCase) => `${name}${about === "" ? "" : ` ${about}`}`;

function forwardCheck(one: SuiteCase, group: "operations" | "larger"): EngineCheck {
  return {
    group,
    name: `${aboutOf(one)}, forward`,
    ...(one.long && { long: true }),
    async run({ twins }) {
      await compareOutputs(twins, aboutOf(one), twins.forward(one.name, uploadInputs(twins, one), one.options));
    },
  };
}

function backwardCheck(one: SuiteCase, group: "operations" | "larger"): EngineCheck {
  const about = aboutOf(one);
  return {
    group,
    name: `${about}, backward`,
    trains: true,
    ...(one.long && { long: true }),
    async run({ twins }) {
      const call = twins.forward(one.name, uploadInputs(twins, one), one.options);
      const gradients = gradientsOf(twins, call);
      const inputs = Object.keys(one.inputs);
      await compareAll(twins, about, twins.backward(call, gradients, new Set(inputs)));
      const subsets = group === "operations" ? inputs.map((name) => [name]) : [inputs.filter((_, i) => i % 2 === 1)];
      for (const subset of subsets) {
        const found = twins.backward(call, gradients, new Set(subset));
        expect(Object.keys(found).sort()).toEqual(subset.filter((name) => !CONSTANTS.has(name)).sort());
        await compareAll(twins, `${about}, ${subset.join(" and ")} alone`, found);
      }
      const outputs = Object.keys(gradients);
      if (outputs.length < 2 || group === "larger") return;
      for (const name of outputs) {
        const only = Object.fromEntries(Object.entries(gradients).filter(([own]) => own === name));
        await compareAll(twins, `${about}, of ${name} alone`, twins.backward(call, only, new Set(inputs)));
      }
    },
  };
}

/** Loss with nothing behind it: no gradient at all. */
const withoutGradients: EngineCheck = {
  group: "operations",
  name: "outputs without gradients give none, or zeros",
  trains: true,
  async run({ twins }) {
    for (const one of OPERATION_CASES) {
      const call = twins.forward(one.name, uploadInputs(twins, one), one.options);
      const operation = twins.engine.operations[one.name] as unknown as {
        backward(call: object, gradients: object, wanted: ReadonlySet<string>): Readonly<Record<string, unknown>>;
      }; // its inputs come by name
      const found = operation.backward(call.engineCall, {}, new Set(Object.keys(one.inputs)));
      for (const [name, tensor] of Object.entries(found)) {
        const values = await twins.engine.download(tensor);
        expect(
          values.every((value) => value === 0),
          `${one.name}: ${name}`,
        ).toBe(true);
      }
      twins.engine.dispose(Object.values(found));
      twins.clear();
    }
  },
};

const sameTwice: EngineCheck = {
  group: "operations",
  name: "one tensor as two inputs",
  trains: true,
  async run({ twins }) {
    const x = twins.upload(uniformValues(15, 1, 1, 0), [5, 3]);
    const call = twins.forward("add", { a: x, b: x }, {});
    await compareOutputs(twins, "add x to x", call);
    await compareAll(twins, "add x to x", twins.backward(call, gradientsOf(twins, call), new Set(["a", "b"])));
    const square = twins.upload(uniformValues(16, 1, 2, 0), [4, 4]);
    const product = twins.forward("linear", { x: square, weight: square }, {});
    await compareOutputs(twins, "x x^T", product);
    await compareAll(twins, "x x^T", twins.backward(product, gradientsOf(twins, product), new Set(["x", "weight"])));
    const pair = twins.upload(uniformValues(16, 1, 3, 0), [4, 4]);
    const ff = twins.forward("feedForward", { x: square, gate: pair, up: pair, down: pair }, {});
    await compareOutputs(twins, "gate is up is down", ff);
    const wanted = new Set(["x", "gate", "up", "down"]);
    await compareAll(twins, "gate is up is down", twins.backward(ff, gradientsOf(twins, ff), wanted));
  },
};

const chained: EngineCheck = {
  group: "operations",
  name: "calls that depend on each other, downloaded once and twice",
  async run({ twins }: CheckContext) {
    let x = twins.upload(uniformValues(6 * 20, 1, 1, 0), [6, 20]);
    const weight = twins.upload(uniformValues(20 * 20, 0.4, 1, 1), [20, 20], "matrix");
    const norm = twins.upload(
      uniformValues(20, 0.4, 1, 2).map((value) => value + 1),
      [20],
      "parameter",
    );
    const every: Twin[] = [];
    for (let i = 0; i < 12; i++) {
      const { y: normed } = twins.forward("rmsNorm", { x, weight: norm }, { epsilon: 1e-6 }).outputs as { y: Twin };
      const { y: mapped } = twins.forward("linear", { x: normed, weight }, {}).outputs as { y: Twin };
      const { y: sum } = twins.forward("add", { a: x, b: mapped }, {}).outputs as { y: Twin };
      every.push(mapped);
      x = sum;
      if (i % 5 === 2) twins.engine.submit();
    }
    await twins.compare("12 layers", x, "forward");
    for (const twin of every.reverse()) await twins.compare("a layer between", twin, "forward");
    await twins.compare("12 layers again", x, "forward");
  },
};

const noTokens: EngineCheck = {
  group: "operations",
  name: "no tokens at all, forward",
  async run({ twins }) {
    for (const one of NO_TOKENS) {
      await compareOutputs(twins, aboutOf(one), twins.forward(one.name, uploadInputs(twins, one), one.options));
      twins.clear();
    }
  },
};

/** Forward and backward of every case. */
export function operationChecks(): EngineCheck[] {
  const both = (cases: readonly SuiteCase[], group: "operations" | "larger") =>
    cases.flatMap((one) => [
      forwardCheck(one, group),
      ...(one.name === "embed" ? [] : [backwardCheck(one, group)]), // its gradient is its output's
    ]);
  return [
    ...both(OPERATION_CASES, "operations"),
    withoutGradients,
    sameTwice,
    chained,
    noTokens,
    ...both(LARGER_CASES, "larger"),
  ];
}
