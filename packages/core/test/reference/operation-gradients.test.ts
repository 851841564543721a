// The backward twin of every operation against central differences, and what operations refuse.

import { describe, expect, it } from "vitest";
import type { OperationName } from "../../src/model/backend-operations.js";
import { uniformValues } from "../../src/model/uniform-values.js";
import { referenceBackend } from "../../src/reference/reference-backend.js";
import type { ReferenceTensor } from "../../src/reference/tensor.js";
import { expectCode } from "../model/expect-code.js";
import { OPERATION_CASES, type OperationCase } from "./operation-cases.js";

type Named = Readonly<Record<string, ReferenceTensor>>;

/** An operation without the types of its name. */
interface AnyOperation {
  forward(inputs: Named, options: object): Named;
  backward(call: object, gradients: Named, wanted: ReadonlySet<string>): Named;
}

const backend = referenceBackend();
const operationOf = (name: OperationName) => backend.operations[name] as unknown as AnyOperation; // inputs come by name

/** Outputs and inputs that have no gradient. */
const CONSTANTS = new Set(["routerBias", "experts", "weights", "load", "gates"]);

function inputsOf({ inputs }: OperationCase): Record<string, ReferenceTensor> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, shape], i) => {
      const size = shape.reduce((product, side) => product * side, 1);
      const offset = name.toLowerCase().includes("norm") ? 1 : 0;
      const values = Float64Array.from(uniformValues(size, 0.9, 5, i), (value) => value + offset);
      return [name, backend.upload(values, shape)];
    }),
  );
}

describe.each(OPERATION_CASES)("$name $about", (one) => {
  const operation = operationOf(one.name);
  const inputs = inputsOf(one);
  const outputs = operation.forward(inputs, one.options);
  const gradients = Object.fromEntries(
    Object.entries(outputs)
      .filter(([name]) => !CONSTANTS.has(name))
      .map(([name, { shape, values }], i) => [name, backend.upload(uniformValues(values.length, 1, 6, i), shape)]),
  );
  /** The sum of outputs times their gradients: a scalar whose gradient the twin gives. */
  const scalar = (): number => {
    let sum = 0;
    for (const [name, { values }] of Object.entries(operation.forward(inputs, one.options))) {
      const g = gradients[name]?.values;
      if (g !== undefined) sum += values.reduce((total, value, i) => total + value * (g[i] ?? 0), 0);
    }
    return sum;
  };

  it("has the gradients of central differences, value by value", () => {
    const wanted = new Set(Object.keys(inputs));
    const found = operation.backward({ inputs, options: one.options, outputs }, gradients, wanted);
    expect(Object.keys(found).sort()).toEqual(
      Object.keys(inputs)
        .filter((name) => !CONSTANTS.has(name))
        .sort(),
    );
    for (const [name, gradient] of Object.entries(found)) {
      const { values, shape } = inputs[name] ?? { values: new Float64Array(0), shape: [] };
      expect(gradient.shape).toEqual(shape);
      let some = 0;
      values.forEach((value, i) => {
        const step = 1e-6;
        values[i] = value + step;
        const above = scalar();
        values[i] = value - step;
        const expected = (above - scalar()) / (2 * step);
        values[i] = value;
        const difference = Math.abs((gradient.values[i] ?? Number.NaN) - expected);
        expect(difference, `${name}[${i}]: ${gradient.values[i]}, by differences ${expected}`).toBeLessThan(
          1e-7 + 1e-5 * Math.abs(expected),
        );
        some += Math.abs(expected);
      });
      expect(some, `the gradient of ${name} is not all 0`).toBeGreaterThan(1e-6);
    }
  });

  it("gives the gradients that are wanted alone", () => {
    const [first = ""] = Object.keys(inputs);
    const before = backend.memory().tensors;
    const found = operation.backward({ inputs, options: one.options, outputs }, gradients, new Set([first]));
    expect(Object.keys(found)).toEqual([first]);
    backend.dispose(Object.values(found));
    expect(backend.memory().tensors).toBe(before);
  });

  it("refuses a weight of another shape, naming it", () => {
    if (one.name === "crossEntropy" || Object.keys(inputs).length < 2) return; // their one input may have any
    for (const [name, tensor] of Object.entries(inputs).slice(1)) {
      if (name === "keyValueNorm" || name === "gate") continue; // it says a size that others have
      const odd = backend.upload(new Float64Array(tensor.values.length + 1), [tensor.values.length + 1]);
      expectCode(
        () => operation.forward({ ...inputs, [name]: odd }, one.options),
        "invalid-argument",
        new RegExp(`^EngramError: ${one.name}: .* has shape \\[.*\\], expected`),
      );
    }
  });
});
