// A training run over any backend: steps one after the other, each of which leaves model, tables, optimizers and data at
// one state that a checkpoint can hold. Not here: what a step does (train-step.ts), files (checkpoints/), text (data/).

import {
  type BlockKindOptions,
  type CheckpointStorage,
  EngramError,
  type Model,
  modelParameters,
} from "@engram-ts/core";
import { restoreTraining, saveTraining } from "../checkpoints/training-checkpoint.js";
import type { TokenSource } from "../data/token-batch.js";
import { denseOptimizer } from "../optimizers/dense-optimizer.js";
import { expertBalance, loadImbalance } from "../optimizers/expert-balance.js";
import { rowOptimizer, type TrainedTable } from "../optimizers/row-optimizer.js";
import { learningRateFactor } from "../optimizers/schedule.js";
import { batchQueue } from "./batch-queue.js";
import { tablesOf } from "./initial-rows.js";
import { stepClock } from "./step-clock.js";
import type { StepMetrics } from "./step-metrics.js";
import { runBatches, type StepParts } from "./train-step.js";
import { type TrainingConfig, type TrainingConfigInput, trainingConfig } from "./training-config.js";

/** See {@link createTrainer}. */
export interface TrainerOptions<T> extends BlockKindOptions {
  /** Its parameters are changed in place; they stay the caller's, as the backend does. */
  readonly model: Model<T>;
  /** The table of each block with an engram. */
  readonly tables?: ReadonlyMap<number, TrainedTable>;
  readonly source: TokenSource;
  readonly config: TrainingConfigInput;
}

/** A run. Its calls are to be made one after the other. */
export interface Trainer<T> {
  readonly model: Model<T>;
  readonly config: TrainingConfig;
  /** The stores of the rows, for evaluation: their rows are those of the last step. */
  readonly tables: ReadonlyMap<number, TrainedTable>;
  /** Steps taken. */
  readonly step: number;
  /**
   * Takes a step.
   * @throws EngramError `diverged` where loss or gradients are no numbers, or the loss is above `mostLoss`: rows are not
   * changed then, parameters are of no use any more, and only `restore` goes on. What data, stores and backend throw.
   */
  takeStep(): Promise<StepMetrics>;
  /**
   * Saves everything that the next step depends on into an empty place; it is whole once `training.json` is there.
   * @throws EngramError `diverged` after a step that failed; what the storage throws.
   */
  save(storage: CheckpointStorage, options?: { readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Goes to a saved state: the next step is, bit for bit, the one that would have followed.
   * @throws EngramError `not-found`, `manifest-mismatch` for another model's, `digest-mismatch`, `invalid-argument`
   * where rows have to go back and their table has no `initial`.
   */
  restore(storage: CheckpointStorage): Promise<void>;
  /** Frees the optimizers' tensors. */
  close(): void;
}

/** How much the last step counts in the pace. */
const PACE_WEIGHT = 0.1;

/**
 * Begins a run.
 * @throws EngramError `invalid-config` for the configuration; `invalid-argument` where a block with an engram has no
 * table; `manifest-mismatch` for a table of another shape; `unsupported` for rows that cannot be trained.
 * @example
 * const trainer = await createTrainer({ model, tables, source, config: { steps: 1000 } });
 * for (let i = 0; i < 10; i++) console.log(progressLine(await trainer.takeStep()));
 */
export async function createTrainer<T>(options: TrainerOptions<T>): Promise<Trainer<T>> {
  const { model, source } = options;
  const config = trainingConfig(options.config);
  const { spec } = model;
  const tables = new Map([...(options.tables ?? [])].filter(([layer]) => spec.blocks[layer]?.engram !== undefined));
  checkTables(model, tables);
  const rows = new Map([...tables].map(([layer, table]) => [layer, rowOptimizer(table, layer)]));
  const shapes = modelParameters(spec, options);
  const balance = expertBalance(model, config.balancingRate);
  await balance.load();
  const optimizer = denseOptimizer(model.backend, model.parameters, shapes, config);
  const queue = batchQueue(source, model, {
    accumulation: config.accumulation,
    drawn(batches) {
      for (const [layer, table] of rows) {
        table.prepare(
          batches.flatMap((batch) => batch.rows.flatMap((one) => (one.layer === layer ? [one.rowIds] : []))),
        );
      }
    },
  });
  const mostLoss = config.mostLoss ?? 3 * Math.log(spec.vocabSize);
  const state = { step: 0, failed: false, pace: 0 };

  const checkUsable = (operation: string): void => {
    if (!state.failed) return;
    throw new EngramError({
      code: "diverged",
      operation,
      message: `step ${state.step + 1} failed, and the parameters are between two steps; restore a checkpoint`,
      context: { step: state.step + 1 },
    });
  };

  const takeStep = async (): Promise<StepMetrics> => {
    checkUsable("trainer.takeStep");
    const clock = stepClock();
    const batches = await queue.take();
    const step = state.step + 1;
    const rateFactor = learningRateFactor(config.schedule, state.step, config.steps);
    const parts: StepParts<T> = { model, config, optimizer, tables: rows, queue, clock };
    state.failed = true; // until it is through
    try {
      const { loss, norm, factor, loads, rows: gradients } = await runBatches(parts, batches, { step, rateFactor });
      if (!Number.isFinite(loss + norm) || loss > mostLoss) throw diverged(step, loss, norm, mostLoss);
      balance.update(loads);
      const { learningRateFactor: rowFactor, ...adam } = config.rows;
      const learningRate = config.learningRate * rateFactor;
      const rowStep = { ...adam, learningRate: learningRate * rowFactor, step, factor };
      const changed = [...rows].map(([layer, table]) => table.apply(gradients.get(layer), rowStep));
      const counts = await Promise.all(changed);
      state.step = step;
      state.failed = false;
      const seconds = clock.seconds();
      state.pace = state.pace === 0 ? seconds.total : state.pace + PACE_WEIGHT * (seconds.total - state.pace);
      const tokens = batches.reduce((sum, batch) => sum + batch.tokens.ids.length, 0);
      return {
        step,
        steps: config.steps,
        loss,
        gradientNorm: norm,
        learningRate,
        tokens,
        rows: counts.reduce((sum, count) => sum + count, 0),
        imbalance: [...loads.values()].reduce((most, load) => Math.max(most, loadImbalance(load)), 1),
        seconds,
        tokensPerSecond: tokens / seconds.total,
        secondsLeft: Math.max(0, config.steps - step) * state.pace,
      };
    } finally {
      if (state.failed) await Promise.all([...rows.values()].map((table) => table.discard()));
    }
  };

  return {
    model,
    config,
    tables,
    get step() {
      return state.step;
    },
    takeStep,
    async save(storage, saveOptions = {}) {
      checkUsable("trainer.save");
      const position = queue.position();
      const contents = { model, config, optimizer, tables: rows, step: state.step, position };
      await saveTraining(storage, contents, { ...options, ...saveOptions });
    },
    async restore(storage) {
      const saved = await restoreTraining(storage, { model, optimizer, tables: rows }, options, () => {
        state.failed = true; // until all of it is there
      });
      await queue.restore(saved.position);
      await balance.load();
      state.step = saved.step;
      state.failed = false;
    },
    close: () => optimizer.close(),
  };
}

function checkTables<T>({ spec }: Model<T>, tables: ReadonlyMap<number, TrainedTable>): void {
  for (const [layer, expected] of tablesOf(spec)) {
    const found = tables.get(layer)?.rows.table;
    if (found === undefined) {
      throw new EngramError({
        code: "invalid-argument",
        operation: "createTrainer",
        message: `block ${layer} has an engram and no table; give its stores in tables, under ${layer}`,
        context: { layer },
      });
    }
    if (found.rows === expected.rows && found.encoding.width === expected.encoding.width) continue;
    throw new EngramError({
      code: "manifest-mismatch",
      operation: "createTrainer",
      message: `the table of block ${layer} has ${found.rows} rows of ${found.encoding.width} values, and the model looks up ${expected.rows} rows of ${expected.encoding.width}; give the model's own table`,
      context: { layer, rows: found.rows, expectedRows: expected.rows },
    });
  }
}

function diverged(step: number, loss: number, norm: number, mostLoss: number): EngramError {
  const what =
    Number.isFinite(loss) && Number.isFinite(norm) ? `above ${mostLoss.toPrecision(4)}` : "no number to go on with";
  return new EngramError({
    code: "diverged",
    operation: "trainer.takeStep",
    message: `in step ${step} the loss is ${loss} and the gradients' norm ${norm}: ${what}. Checkpoints of before are as they were; restore one, and lower the learning rate or lengthen the warm-up`,
    context: { step, loss, gradientNorm: norm, mostLoss },
  });
}
