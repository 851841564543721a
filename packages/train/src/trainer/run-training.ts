// A run from where it stands to its end: steps, metrics, checkpoints now and then, and an end that saves where it is asked
// to stop. What a step does is trainer.ts.

import { EngramError, isEngramError } from "@engram-ts/core";
import type { CheckpointFolder } from "../checkpoints/checkpoint-folder.js";
import type { StepMetrics } from "./step-metrics.js";
import type { Trainer } from "./trainer.js";

/** See {@link runTraining}. */
export interface RunOptions {
  /** Asked to stop, the run ends after the step that it is in, and saves. */
  readonly signal?: AbortSignal;
  /** Called after each step, and awaited: metrics, progress, evaluations. */
  readonly onStep?: (metrics: StepMetrics) => void | Promise<void>;
  /** Where checkpoints go: at the end, and every `saveEvery` steps. */
  readonly checkpoints?: CheckpointFolder;
  /** Steps between two checkpoints; none in between where it is left out. */
  readonly saveEvery?: number;
}

/** How a run ended. */
export interface RunResult {
  readonly ended: "finished" | "aborted";
  /** Steps taken. */
  readonly step: number;
  /** The last step's; `undefined` where no step was left to take. */
  readonly metrics: StepMetrics | undefined;
}

/**
 * Takes the steps that are left.
 * @throws EngramError `diverged`, naming step and last good checkpoint; what steps and saves throw.
 */
export async function runTraining<T>(trainer: Trainer<T>, options: RunOptions = {}): Promise<RunResult> {
  const { signal, onStep, checkpoints, saveEvery = Number.POSITIVE_INFINITY } = options;
  if (!(saveEvery >= 1)) {
    const message = `saveEvery is ${saveEvery}; use a number of steps from 1`;
    throw new EngramError({ code: "invalid-argument", operation: "runTraining", message });
  }
  let metrics: StepMetrics | undefined;
  while (trainer.step < trainer.config.steps && !signal?.aborted) {
    try {
      metrics = await trainer.takeStep();
    } catch (error) {
      if (!isEngramError(error, "diverged")) throw error;
      const latest = await checkpoints?.latest();
      const where = latest === undefined ? "there is no checkpoint" : `the last good checkpoint is ${latest.path}`;
      throw new EngramError({
        code: "diverged",
        operation: "runTraining",
        message: `${error.message}; ${where}`,
        context: { ...error.context, checkpoint: latest?.path },
        cause: error,
      });
    }
    await onStep?.(metrics);
    if (trainer.step % saveEvery === 0) await checkpoints?.save(trainer);
  }
  await checkpoints?.save(trainer);
  return { ended: trainer.step < trainer.config.steps ? "aborted" : "finished", step: trainer.step, metrics };
}
