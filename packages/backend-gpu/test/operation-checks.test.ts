// The checks that engines make before they call a library: what the reference takes they let through, with the shapes
// that come out of it; what does not fit they refuse by name.

import { isEngramError, type OperationName } from "@engram-ts/core";
import { describe, expect, it } from "vitest";
import { referenceBackend } from "../../core/src/reference/reference-backend.js";
import { OPERATION_CASES, type OperationCase } from "../../core/test/reference/operation-cases.js";
import { checkGradients, checkOperation, checkOperationCaches } from "../src/operation-checks.js";
import { elements } from "./engine-suite/case-inputs.js";
import { LARGER_CASES, NO_TOKENS } from "./engine-suite/larger-cases.js";
import { operationOf } from "./engine-suite/twins.js";

const firsts = OPERATION_CASES.filter((one, i) => OPERATION_CASES.findIndex(({ name }) => name === one.name) === i);

function check(one: Pick<OperationCase, "name" | "inputs">, options: object) {
  return checkOperation(one.name, one.inputs, options as never); // the case's own
}

function caseOf(name: OperationName): OperationCase {
  const one = firsts.find((first) => first.name === name);
  if (one === undefined) throw new Error(`no case of ${name}`);
  return one;
}

function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (isEngramError(error)) return `${error.code} ${error.message}`;
    throw error;
  }
  return "nothing was refused";
}

describe("checkOperation", () => {
  it("gives the shapes that the reference gives", () => {
    const backend = referenceBackend();
    for (const one of [...OPERATION_CASES, ...NO_TOKENS]) {
      const entries = Object.entries(one.inputs);
      const inputs = entries.map(([name, shape]) => [name, backend.upload(new Float32Array(elements(shape)), shape)]);
      const outputs = operationOf(backend, one.name).forward(Object.fromEntries(inputs), one.options);
      const shapes = Object.fromEntries(Object.entries(outputs).map(([name, { shape }]) => [name, shape]));
      expect(check(one, one.options), `${one.name} ${one.about}`).toEqual(shapes);
    }
  });

  it("lets larger cases through", () => {
    for (const one of LARGER_CASES) expect(() => check(one, one.options), `${one.name} ${one.about}`).not.toThrow();
  });

  it("refuses inputs that are missing, or of another rank, by name", () => {
    for (const one of firsts) {
      for (const [name, shape] of Object.entries(one.inputs)) {
        const { [name]: _, ...others } = one.inputs;
        const without = refusal(() => check({ ...one, inputs: others }, one.options));
        const optional = ["bias", "queryNorm", "keyNorm", "routerBias", "valueBias", "keyBias"].includes(name);
        if (!optional) expect(without).toMatch(new RegExp(`^invalid-argument ${one.name}: ${name} is missing`));
        if (one.name === "add") continue;
        const deeper = refusal(() => check({ ...one, inputs: { ...one.inputs, [name]: [...shape, 1] } }, one.options));
        expect(deeper).toMatch(new RegExp(`^invalid-argument ${one.name}: ${name} has shape`));
      }
    }
  });

  it("refuses options that do not fit", () => {
    const refused = (name: OperationName, options: object) => {
      const one = caseOf(name);
      return refusal(() => check(one, { ...one.options, ...options }));
    };
    expect(refused("moe", { topK: 9 })).toMatch(/topK is 9, expected at most 8/);
    expect(refused("moe", { groups: 4, groupsKept: 1 })).toMatch(/topK is 3, expected at most 2/);
    expect(refused("moe", { groups: 3 })).toMatch(/equal groups of the 8 experts/);
    expect(refused("moe", { groupsKept: 2 })).toMatch(/2 of 1 groups kept/);
    expect(refused("moe", { scoring: "tanh" })).toMatch(/scoring is "tanh", expected "sigmoid" or "softmax"/);
    expect(refused("moe", { routeScale: Number.NaN })).toMatch(/routeScale is NaN/);
    expect(refused("moe", { topK: 1.5 })).toMatch(/topK is 1.5, expected a whole number of at least 1/);
    expect(refused("rmsNorm", { epsilon: -1 })).toMatch(/epsilon is -1/);
    expect(refused("rmsNorm", { groups: 4 })).toMatch(/x has shape \[5, 6\], expected \[N, 4 \* d\]/);
    expect(refused("gqa", { keyValueHeads: 3 })).toMatch(/4 heads for 3/);
    expect(refused("gqa", { rotary: { frequencies: new Float64Array(4), amplitude: 1, pairs: "halves" } })).toMatch(
      /rotary has 4 frequencies, expected finite ones, at most 3/,
    );
    expect(refused("engramGate", { dead: new Uint8Array(4) })).toMatch(/dead has 4 entries.*each of 5 tokens/);
    expect(refused("engramGate", { zeroScore: "none" })).toMatch(/zeroScore is "none"/);
    expect(refused("hyperCoefficients", { iterations: -1 })).toMatch(/iterations is -1/);
    expect(refused("shortConvolution", { dilation: 0 })).toMatch(/dilation is 0/);
    expect(refused("logits", { tokens: Uint32Array.of(0, 5) })).toMatch(/^invalid-argument .*tokens\[1\] is 5/);
    expect(refused("crossEntropy", { targets: Int32Array.of(0, 6, 0, 0, 0) })).toMatch(/^token-out-of-range/);
    const embed = { name: "embed", inputs: { table: [4, 2] } } as const;
    expect(refusal(() => check(embed, { ids: Uint32Array.of(3, 4) }))).toMatch(/^token-out-of-range .*1 has id 4/);
  });

  it("refuses batches that do not add up, and caches that do not fit", () => {
    const gqa = caseOf("gqa");
    const of = (ends: number[], starts: number[], caches?: unknown[]) => {
      const sequences = { cumulativeLengths: Uint32Array.from(ends), starts: Uint32Array.from(starts) };
      return refusal(() => check(gqa, { ...gqa.options, sequences, ...(caches && { caches }) }));
    };
    for (const [ends, starts] of [
      [[0, 4], [0]],
      [
        [0, 5],
        [0, 0],
      ],
      [
        [0, 6, 5],
        [0, 0],
      ],
      [[1, 5], [0]],
    ] as const) {
      expect(of([...ends], [...starts])).toMatch(/cumulative lengths .* rise from 0 to the 5 tokens/);
    }
    expect(of([0, 5], [2])).toMatch(/there are no caches/);
    expect(of([0, 2, 5], [0, 0], [1])).toMatch(/1 caches for 2 sequences/);
    const options = {
      ...gqa.options,
      sequences: { cumulativeLengths: Uint32Array.of(0, 5), starts: Uint32Array.of(2) },
    };
    const caches = (cache?: { width: number; capacity: number }) =>
      refusal(() => checkOperationCaches("gqa", gqa.inputs, options as never, [cache]));
    expect(caches()).toMatch(/caches\[0\] is a tensor/);
    expect(caches({ width: 23, capacity: 9 })).toMatch(/rows of 23 values, expected 24/);
    expect(caches({ width: 24, capacity: 6 })).toMatch(/grows to 7 tokens and its cache takes 6/);
    expect(caches({ width: 24, capacity: 7 })).toBe("nothing was refused");
  });

  it("refuses gradients of another shape, and through caches", () => {
    const outputs = { y: [5, 3], gates: [5, 1] };
    expect(refusal(() => checkGradients("engramGate", {}, outputs, { y: [5, 3] }))).toBe("nothing was refused");
    expect(refusal(() => checkGradients("engramGate", {}, outputs, { y: [5, 4] }))).toMatch(
      /^invalid-argument engramGate backward: y has shape \[5, 4\], expected \[5, 3\]/,
    );
    expect(refusal(() => checkGradients("gqa", { caches: [] }, outputs, {}))).toMatch(/^unsupported gqa/);
  });
});
