// What runs in the page of browser.test.ts: every operation case, forward and backward, on one backend of tfjs, against
// the reference beside it. Bundled by esbuild; leaves `runCases` in the page.

import { type OperationName, type ReferenceTensor, referenceBackend } from "@engram-ts/core";
import { uniformValues } from "../../../core/src/model/uniform-values.js";
import { OPERATION_CASES } from "../../../core/test/reference/operation-cases.js";
import { openTfjs, type TfjsOptions } from "../../src/tfjs/index.js";

/** What the page found. */
export interface BrowserResult {
  readonly device: string;
  readonly cases: number;
  readonly comparisons: number;
  /** Greatest absolute difference over the greatest absolute value expected of a tensor, and where. */
  readonly worst: number;
  readonly about: string;
}

interface AnyOperation<T> {
  forward(inputs: Readonly<Record<string, T>>, options: object): Readonly<Record<string, T>>;
  backward(
    call: object,
    gradients: Readonly<Record<string, T>>,
    wanted: ReadonlySet<string>,
  ): Readonly<Record<string, T>>;
}

const CONSTANTS = new Set(["routerBias", "experts", "weights", "load", "gates"]);

async function runCases(options: TfjsOptions): Promise<BrowserResult> {
  const engine = await openTfjs(options);
  const exact = referenceBackend();
  let [comparisons, worst, about] = [0, 0, "none"];
  const compare = async (name: string, ours: unknown, expected: ReferenceTensor | undefined): Promise<void> => {
    const values = await engine.download(ours as { shape: readonly number[] }); // it came from this engine
    if (expected === undefined || values.length !== expected.values.length) throw new Error(`${name}: another shape`);
    const scale = expected.values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3);
    const error = expected.values.reduce((most, value, i) => {
      const difference = Math.abs((values[i] ?? Number.NaN) - value);
      return Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(most, difference);
    }, 0);
    comparisons++;
    if (error / scale > worst) [worst, about] = [error / scale, name];
  };
  for (const { name, about: which, inputs: shapes, options: own } of OPERATION_CASES) {
    const both = [engine, exact].map((backend) => {
      const operation = (backend.operations as Record<OperationName, unknown>)[name] as AnyOperation<unknown>; // by name
      const upload = (size: readonly number[], seed: number, i: number, offset = 0): unknown => {
        const count = size.reduce((product, side) => product * side, 1);
        return backend.upload(
          uniformValues(count, 0.9, seed, i).map((value) => value + offset),
          size,
        );
      };
      const inputs = Object.fromEntries(
        Object.entries(shapes).map(([input, shape], i) => [input, upload(shape, 5, i, /norm/i.test(input) ? 1 : 0)]),
      );
      const outputs = operation.forward(inputs, own);
      const gradients = Object.fromEntries(
        Object.entries(outputs as Record<string, { shape: readonly number[] }>)
          .filter(([output]) => !CONSTANTS.has(output))
          .map(([output, { shape }], i) => [output, upload(shape, 6, i)]),
      );
      const found = operation.backward({ inputs, options: own, outputs }, gradients, new Set(Object.keys(inputs)));
      return { outputs, found };
    });
    const [ours, theirs] = both;
    for (const kind of ["outputs", "found"] as const) {
      for (const [key, tensor] of Object.entries(ours?.[kind] ?? {})) {
        await compare(`${name} ${which}: ${kind} ${key}`, tensor, theirs?.[kind][key] as ReferenceTensor | undefined);
      }
    }
  }
  await engine.close();
  return {
    device: engine.device.description ?? engine.device.name,
    cases: OPERATION_CASES.length,
    comparisons,
    worst,
    about,
  };
}

Object.assign(globalThis, { runCases });
