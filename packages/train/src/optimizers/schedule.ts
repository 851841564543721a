// How the learning rate goes over a run: a linear warm-up, then constant, in steps (the paper's), or along a cosine. A
// factor on the rates of all optimizers; a function of the step's number alone, so that a resumed run needs no state.

import { EngramError } from "@engram-ts/core";

/** A learning rate's course. `warmupSteps`: the factor rises linearly to 1 over these. */
export type Schedule =
  | { readonly kind: "constant"; readonly warmupSteps: number }
  /** Down to `floor`, a factor, at the last step. */
  | { readonly kind: "cosine"; readonly warmupSteps: number; readonly floor: number }
  /** From each milestone on, a share of the run's steps, its factor holds. */
  | {
      readonly kind: "step-decay";
      readonly warmupSteps: number;
      readonly milestones: readonly { readonly at: number; readonly factor: number }[];
    };

/** Steps of DeepSeek's runs: 0.316 from 80 % on, 0.1 from 90 % on (arXiv 2401.02954, section 2.3). */
export const STEP_DECAY: Schedule = {
  kind: "step-decay",
  warmupSteps: 0,
  milestones: [
    { at: 0.8, factor: 0.316 },
    { at: 0.9, factor: 0.1 },
  ],
};

/**
 * The factor on the learning rates in a step.
 * @param step from 0.
 * @param steps of the whole run.
 */
export function learningRateFactor(schedule: Schedule, step: number, steps: number): number {
  const { warmupSteps } = schedule;
  if (step < warmupSteps) return (step + 1) / warmupSteps;
  if (schedule.kind === "constant") return 1;
  if (schedule.kind === "cosine") {
    const left = Math.max(1, steps - 1 - warmupSteps);
    const turned = Math.min(1, (step - warmupSteps) / left) * Math.PI;
    return schedule.floor + (1 - schedule.floor) * 0.5 * (1 + Math.cos(turned));
  }
  let factor = 1;
  for (const milestone of schedule.milestones) if (step >= milestone.at * steps) factor = milestone.factor;
  return factor;
}

/**
 * Checks a schedule from outside.
 * @throws EngramError `invalid-config`.
 */
export function checkSchedule(schedule: Schedule): Schedule {
  const { kind, warmupSteps } = schedule;
  if (!Number.isSafeInteger(warmupSteps) || warmupSteps < 0) {
    throw refused("warmupSteps", warmupSteps, "a whole number from 0");
  }
  if (kind === "cosine" && !share(schedule.floor)) throw refused("floor", schedule.floor, "a number from 0 to 1");
  if (kind === "step-decay") {
    let before = 0;
    for (const [i, { at, factor }] of schedule.milestones.entries()) {
      if (!share(at) || at < before) throw refused(`milestones[${i}].at`, at, "rising shares of the run, 0 to 1");
      if (!(factor >= 0 && Number.isFinite(factor)))
        throw refused(`milestones[${i}].factor`, factor, "a factor from 0");
      before = at;
    }
  } else if (kind !== "constant" && kind !== "cosine") throw refused("kind", kind, "constant, cosine or step-decay");
  return schedule;
}

function share(value: number): boolean {
  return value >= 0 && value <= 1;
}

function refused(field: string, found: unknown, expected: string): EngramError {
  return new EngramError({
    code: "invalid-config",
    operation: "trainingConfig",
    message: `schedule.${field} is ${JSON.stringify(found) ?? "missing"}; use ${expected}`,
    context: { field: `schedule.${field}`, found },
  });
}
