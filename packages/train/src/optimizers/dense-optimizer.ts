// The parameters on the backend, their moments beside them, and a step of all of them. Everything is recorded, nothing
// waited for. The sequence of calls is the same from step to step. Not here: rows, which live in stores.

import type { Backend, MuonParameter, ParameterShape } from "@engram-ts/core";
import type { TrainingConfig } from "../trainer/training-config.js";
import { type ParameterRule, parameterRule } from "./parameter-rule.js";

/** One step, as optimizers see it. */
export interface OptimizerStep<T> {
  /** From 1. */
  readonly step: number;
  /** The schedule's factor. */
  readonly rateFactor: number;
  /** `[1]`: what clips the gradients. */
  readonly clip: T;
}

/** Optimizers of a model's parameters. */
export interface DenseOptimizer<T> {
  /** The parameters that gradients train, by name. */
  readonly trained: ReadonlyMap<string, T>;
  /** Moments by `PARAMETER.first`, `.second` or `.momentum`: what a checkpoint has to hold. */
  readonly moments: ReadonlyMap<string, T>;
  /** Records the change of all parameters that have a gradient, by name. */
  update(gradients: ReadonlyMap<string, T>, step: OptimizerStep<T>): void;
  /** Frees the moments. */
  close(): void;
}

/** Optimizers with moments of zero. */
export function denseOptimizer<T>(
  backend: Backend<T>,
  parameters: ReadonlyMap<string, T>,
  shapes: readonly ParameterShape[],
  config: TrainingConfig,
): DenseOptimizer<T> {
  const trained = new Map<string, T>();
  const rules = new Map<string, ParameterRule>();
  const moments = new Map<string, T>();
  for (const shape of shapes) {
    const rule = parameterRule(shape, config);
    const tensor = parameters.get(shape.name);
    if (rule === undefined || tensor === undefined) continue;
    trained.set(shape.name, tensor);
    rules.set(shape.name, rule);
    const size = shape.shape.reduce((product, side) => product * side, 1);
    for (const moment of rule.kind === "muon" ? ["momentum"] : ["first", "second"]) {
      moments.set(`${shape.name}.${moment}`, backend.upload(new Float32Array(size), shape.shape, "parameter"));
    }
  }
  const of = (name: string): T => {
    const tensor = moments.get(name) ?? trained.get(name);
    if (tensor === undefined) throw new TypeError(`${name} is not trained`); // callers take names from `trained`
    return tensor;
  };
  return {
    trained,
    moments,
    update(gradients, { step, rateFactor, clip }) {
      const learningRate = config.learningRate * rateFactor;
      const matrices: MuonParameter<T>[] = [];
      for (const [name, rule] of rules) {
        const gradient = gradients.get(name);
        if (gradient === undefined) continue;
        if (rule.kind === "muon") {
          matrices.push({ parameter: of(name), gradient, momentum: of(`${name}.momentum`) });
          continue;
        }
        const { weightDecay } = rule;
        const both = { first: of(`${name}.first`), second: of(`${name}.second`) };
        backend.updates.adamW(of(name), gradient, both, { ...config.adamW, weightDecay, learningRate, step }, clip);
      }
      if (matrices.length === 0) return;
      const { learningRateFactor, ...muon } = config.muon;
      backend.updates.muon(matrices, { ...muon, learningRate: learningRate * learningRateFactor }, clip);
    },
    close: () => backend.dispose(moments.values()),
  };
}
