// What a run is told: plain data, saved with every checkpoint. Defaults are those of the paper (arXiv 2601.07372,
// appendix A) where it says them: Muon for matrices, AdamW for what is left, Adam for rows with five times the learning
// rate and no decay, loss-free balancing. Not here: model, data, tables.

import { EngramError } from "@engram-ts/core";
import { checkSchedule, type Schedule, STEP_DECAY } from "../optimizers/schedule.js";

/** A run, every default filled in. */
export interface TrainingConfig {
  /** Of the whole run. */
  readonly steps: number;
  /** Batches whose gradients make one step. */
  readonly accumulation: number;
  /** The peak, before the schedule's factor. */
  readonly learningRate: number;
  readonly schedule: Schedule;
  /** Most that the gradients' global norm may be; `null`: no limit. */
  readonly clip: number | null;
  /** What matrices inside the blocks are trained by; embedding, head, vectors, routers and convolutions take AdamW. */
  readonly matrices: "muon" | "adamw";
  readonly adamW: {
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
    /** Of tensors of two sides or more; vectors have none. */
    readonly weightDecay: number;
  };
  readonly muon: {
    /** On the learning rate, besides `adjust`. */
    readonly learningRateFactor: number;
    readonly momentum: number;
    readonly nesterov: boolean;
    readonly weightDecay: number;
    readonly iterations: number;
    readonly epsilon: number;
    readonly coefficients: readonly [number, number, number];
    readonly adjust: "original" | "match-rms-adamw";
  };
  /** Sparse Adam, for the rows of tables. */
  readonly rows: {
    readonly learningRateFactor: number;
    readonly beta1: number;
    readonly beta2: number;
    readonly epsilon: number;
  };
  /** By how much a router's bias moves in a step, up for experts below the mean load (arXiv 2408.15664). */
  readonly balancingRate: number;
  /** A loss above this, in nats, ends the run; `null`: three times that of guessing among all tokens alike. */
  readonly mostLoss: number | null;
}

/** A run as people write it: the number of steps, and what differs from the defaults. */
export type TrainingConfigInput = Pick<TrainingConfig, "steps"> & {
  readonly [Field in Exclude<keyof TrainingConfig, "steps">]?: Field extends "adamW" | "muon" | "rows"
    ? Partial<TrainingConfig[Field]>
    : TrainingConfig[Field];
};

/** Defaults of a run. */
export const TRAINING_DEFAULTS: Omit<TrainingConfig, "steps"> = {
  accumulation: 1,
  learningRate: 4e-4,
  schedule: STEP_DECAY,
  clip: 1,
  matrices: "muon",
  adamW: { beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1 },
  muon: {
    learningRateFactor: 1,
    momentum: 0.95,
    nesterov: true,
    weightDecay: 0.1,
    iterations: 5,
    epsilon: 1e-7,
    coefficients: [3.4445, -4.775, 2.0315],
    adjust: "match-rms-adamw",
  },
  rows: { learningRateFactor: 5, beta1: 0.9, beta2: 0.95, epsilon: 1e-8 },
  balancingRate: 0.001,
  mostLoss: null,
};

/**
 * Fills in defaults and checks.
 * @throws EngramError `invalid-config` naming the field.
 */
export function trainingConfig(input: TrainingConfigInput): TrainingConfig {
  const defaults = TRAINING_DEFAULTS;
  const config: TrainingConfig = {
    ...defaults,
    ...input,
    adamW: { ...defaults.adamW, ...input.adamW },
    muon: { ...defaults.muon, ...input.muon },
    rows: { ...defaults.rows, ...input.rows },
  };
  const known = new Set(["steps", ...Object.keys(defaults)]);
  for (const field of Object.keys(config)) {
    if (!known.has(field)) throw refused(field, "there", `only ${[...known].join(", ")}`);
  }
  const { adamW, muon, rows } = config;
  const whole = (field: string, value: number) => {
    if (!Number.isSafeInteger(value) || value < 1) throw refused(field, value, "a whole number from 1");
  };
  const positive = (field: string, value: number | null) => {
    if (value !== null && !(value > 0 && Number.isFinite(value))) throw refused(field, value, "a number above 0");
  };
  const fromZero = (field: string, value: number) => {
    if (!(value >= 0 && Number.isFinite(value))) throw refused(field, value, "a number from 0");
  };
  const belowOne = (field: string, value: number) => {
    if (!(value >= 0 && value < 1)) throw refused(field, value, "a number from 0 to below 1");
  };
  whole("steps", config.steps);
  whole("accumulation", config.accumulation);
  fromZero("learningRate", config.learningRate);
  positive("clip", config.clip);
  positive("mostLoss", config.mostLoss);
  fromZero("balancingRate", config.balancingRate);
  for (const [name, part] of [["adamW", adamW] as const, ["rows", rows] as const]) {
    belowOne(`${name}.beta1`, part.beta1);
    belowOne(`${name}.beta2`, part.beta2);
    positive(`${name}.epsilon`, part.epsilon);
  }
  fromZero("adamW.weightDecay", adamW.weightDecay);
  fromZero("rows.learningRateFactor", rows.learningRateFactor);
  fromZero("muon.learningRateFactor", muon.learningRateFactor);
  belowOne("muon.momentum", muon.momentum);
  fromZero("muon.weightDecay", muon.weightDecay);
  whole("muon.iterations", muon.iterations);
  positive("muon.epsilon", muon.epsilon);
  if (muon.adjust !== "original" && muon.adjust !== "match-rms-adamw") {
    throw refused("muon.adjust", muon.adjust, "original or match-rms-adamw");
  }
  if (muon.coefficients.length !== 3 || !muon.coefficients.every(Number.isFinite)) {
    throw refused("muon.coefficients", muon.coefficients, "three numbers");
  }
  if (config.matrices !== "muon" && config.matrices !== "adamw") {
    throw refused("matrices", config.matrices, "muon or adamw");
  }
  checkSchedule(config.schedule);
  return config;
}

function refused(field: string, found: unknown, expected: string): EngramError {
  return new EngramError({
    code: "invalid-config",
    operation: "trainingConfig",
    message: `${field} is ${JSON.stringify(found) ?? String(found)}; use ${expected}`,
    context: { field, found },
  });
}
