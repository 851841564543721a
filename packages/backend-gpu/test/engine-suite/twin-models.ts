// Small whole models, the same on an engine and on the reference: every parameter random, so that nothing is left out, and
// rows made up from their ids.

import { createModel, type Model, type ModelSpec, modelParameters, type ReferenceTensor } from "@engram-ts/core";
import { uploadUse } from "../../../core/src/model/parameters-use.js";
import { uniformValues } from "../../../core/src/model/uniform-values.js";
import { elements } from "./case-inputs.js";
import type { Twins } from "./twins.js";

/** One model on both. */
export interface TwinModels {
  readonly engine: Model<unknown>;
  readonly exact: Model<ReferenceTensor>;
}

/** A model with every parameter random, or with the weights given. */
export function twinModels(twins: Twins, spec: ModelSpec, weights?: ReadonlyMap<string, Float32Array>): TwinModels {
  const engine = new Map<string, unknown>();
  const exact = new Map<string, ReferenceTensor>();
  modelParameters(spec).forEach((parameter, i) => {
    const { name, shape, component, initial } = parameter;
    if (component === "engram tables") return;
    const bound = initial === "normal" ? Math.sqrt(3 / (shape.at(-1) ?? 1)) : 0.4;
    const offset = initial === "ones" ? 1 : 0;
    const values = weights?.get(name) ?? uniformValues(elements(shape), bound, 1, i).map((value) => value + offset);
    const twin = twins.upload(values, shape, uploadUse(parameter));
    engine.set(name, twin.engine);
    exact.set(name, twin.exact);
  });
  return {
    engine: createModel({ spec, backend: twins.engine, parameters: engine }),
    exact: createModel({ spec, backend: twins.reference, parameters: exact }),
  };
}

/** Runs the same code on both. */
export async function onBoth<R>(
  { engine, exact }: TwinModels,
  run: <T>(model: Model<T>) => Promise<R>,
): Promise<{ readonly found: R; readonly expected: R }> {
  const found = await run(engine);
  return { found, expected: await run(exact) };
}
