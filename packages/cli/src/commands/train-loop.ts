// The training of a run: how many steps a time allows, the steps with their metrics and progress, held-out loss now and
// then. Used by `engram train`, and by programs that train through the command line's parts. Not here: what a step does.

import { join } from "node:path";
import type { Backend } from "@engram-ts/core";
import {
  type Evaluation,
  evaluate,
  evaluationBatches,
  metricsFile,
  openTokenShards,
  type RunResult,
  runTraining,
  type StepMetrics,
} from "@engram-ts/train";
import { openTrainRun, readTrainRun, type TrainRun, tokensFolder, writeTrainRun } from "./train-run.js";

/** Steps between two looks at held-out text, and between two checkpoints. */
export interface TrainLoopOptions {
  /** Most steps between two evaluations; none in between where left out. */
  readonly evaluateEvery?: number;
  readonly saveEvery?: number;
  readonly signal?: AbortSignal;
  readonly onStep?: (metrics: StepMetrics) => void;
  readonly onEvaluation?: (evaluation: Evaluation, step: number) => void;
}

/** Evaluations in between read this many tokens, so that they take a small share of a run. */
const SOME_TOKENS = 8192;
/** Steps that a pilot takes, of which the first two build graphs. */
const PILOT_STEPS = 6;

/** Trains what is left of a run, and says how it ended. */
export async function trainLoop<T>(run: TrainRun<T>, options: TrainLoopOptions = {}): Promise<RunResult> {
  const { evaluateEvery = Number.POSITIVE_INFINITY, saveEvery, signal, onStep, onEvaluation } = options;
  const { trainer, folder } = run;
  const metrics = await metricsFile(join(folder, "metrics.jsonl"), { step: trainer.step });
  const look = async (): Promise<void> => {
    const evaluation = await evaluateRun(run, { mostTokens: SOME_TOKENS, ...(signal && { signal }) });
    await metrics.write({ step: trainer.step, kind: "evaluation", ...evaluation });
    onEvaluation?.(evaluation, trainer.step);
  };
  return runTraining(trainer, {
    ...(signal && { signal }),
    ...(saveEvery !== undefined && { saveEvery }),
    checkpoints: run.checkpoints,
    async onStep(step) {
      await metrics.write(step);
      onStep?.(step);
      if ((step.step % evaluateEvery === 0 || step.step === step.steps) && signal?.aborted !== true) await look();
    },
  });
}

/** How well a run predicts its held-out text, with the rows of given tables, or its own. */
export async function evaluateRun<T>(
  run: Pick<TrainRun<T>, "folder" | "model" | "tables" | "record" | "tokenizer">,
  options: {
    readonly mostTokens?: number;
    readonly tables?: TrainRun<T>["tables"];
    readonly signal?: AbortSignal;
  } = {},
): Promise<Evaluation> {
  const { mostTokens: maxTokens, tables = run.tables, signal } = options;
  const held = await openTokenShards(tokensFolder(run.folder), "validation", run.tokenizer);
  const limit = maxTokens === undefined ? {} : { maxTokens };
  const batches = evaluationBatches(held, { ...run.record.batch, packing: "rows", ...limit });
  return evaluate(run.model, batches, { tables, ...(signal && { signal }) });
}

/**
 * Seconds of a step, from a few that are taken and forgotten.
 * @param hopeless ends the trial with the first step that takes so many seconds, which is then the answer.
 */
export async function secondsPerStep<T>(
  folder: string,
  backend: Backend<T>,
  hopeless = Number.POSITIVE_INFINITY,
): Promise<number> {
  const pilot = await openTrainRun(folder, backend, { fresh: true });
  const taken: number[] = [];
  try {
    for (let i = 0; i < PILOT_STEPS; i++) {
      const { total } = (await pilot.trainer.takeStep()).seconds;
      if (total >= hopeless) return total;
      taken.push(total);
    }
  } finally {
    await pilot.close();
  }
  return taken.slice(2).sort((a, b) => a - b)[1] ?? 1; // of four the second: others may have been disturbed
}

/** Writes into a run's record the steps that fit a time at a pace; at least ten. */
export async function fitSteps(folder: string, stepSeconds: number, seconds: number): Promise<number> {
  const steps = Math.max(10, Math.floor(seconds / stepSeconds));
  const record = await readTrainRun(folder);
  await writeTrainRun(folder, { ...record, config: { ...record.config, ...runConfig(steps) } });
  return steps;
}

/** Steps, and a schedule that fits them: a short warm-up, and a cosine down to a tenth. */
export function runConfig(steps: number) {
  const warmupSteps = Math.min(50, Math.ceil(steps / 20));
  return { steps, schedule: { kind: "cosine", warmupSteps, floor: 0.1 } } as const;
}
