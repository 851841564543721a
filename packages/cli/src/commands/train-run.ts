// A run's folder: `run.json` says what is trained, `tokens/` holds the text, `checkpoints/` the states, `metrics.jsonl` what
// the steps said. Made here, and opened, to train on, to evaluate, to generate. What training changed of the tables is in the
// checkpoints; where they lie while a run is open is train-tables.ts.

import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  type Backend,
  buildTokenMap,
  createModel,
  EngramError,
  isEngramError,
  type Model,
  type ModelSpec,
  parseModelSpec,
  type RowStore,
  randomParameters,
  type TokenMap,
} from "@engram-ts/core";
import {
  type CheckpointFolder,
  checkpointFolder,
  createTrainer,
  openTokenShards,
  type Tokenizer,
  type TokenShards,
  type Trainer,
  type TrainingConfigInput,
  tokenSource,
  trainingConfig,
} from "@engram-ts/train";
import { readJsonFile } from "../input-file.js";
import { openTrainTables, TRAIN_STORES, type TrainStore } from "./train-tables.js";

/** What a run trains, as `run.json` says it. */
export interface TrainRunRecord {
  readonly format: "engram-ts run";
  readonly version: 1;
  readonly spec: ModelSpec;
  /** Of weights, rows and the order of the text. */
  readonly seed: number;
  /** Of one step's batch; `rows` times `length` tokens. */
  readonly batch: { readonly rows: number; readonly length: number };
  readonly config: TrainingConfigInput;
  /** Where the rows lie while the run is open. Default `dram`. */
  readonly store?: TrainStore;
}

/** An open run. */
export interface TrainRun<T> {
  readonly folder: string;
  readonly record: TrainRunRecord;
  readonly tokenizer: Tokenizer;
  readonly tokenMap: TokenMap | undefined;
  readonly model: Model<T>;
  readonly trainer: Trainer<T>;
  /** The rows, as they are trained, by block. */
  readonly tables: ReadonlyMap<number, RowStore>;
  readonly checkpoints: CheckpointFolder;
  readonly training: TokenShards;
  /** Frees tables and optimizers; the backend stays the caller's. */
  close(): Promise<void>;
}

const RECORD_FILE = "run.json";
const RECORD_LIMIT_BYTES = 2 ** 22;

/** Where a run's tokens lie. */
export function tokensFolder(folder: string): string {
  return join(folder, "tokens");
}

/** Whether a folder is a run's. */
export async function isTrainRun(folder: string): Promise<boolean> {
  try {
    await readTrainRun(folder);
    return true;
  } catch (error) {
    if (isEngramError(error, "not-found")) return false;
    throw error;
  }
}

/** Writes `run.json`, checked. */
export async function writeTrainRun(folder: string, record: TrainRunRecord): Promise<void> {
  trainingConfig(record.config);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, RECORD_FILE), `${JSON.stringify(record, null, 1)}\n`);
  } catch (cause) {
    throw new EngramError({
      code: "io",
      operation: "engram train",
      message: `${join(folder, RECORD_FILE)} cannot be written: ${String(cause)}`,
      cause,
    });
  }
}

/**
 * Reads `run.json`.
 * @throws EngramError `not-found` where the folder is no run's, `invalid-config` where the record is damaged.
 */
export async function readTrainRun(folder: string): Promise<TrainRunRecord> {
  const path = join(folder, RECORD_FILE);
  const found = await readJsonFile(path, RECORD_LIMIT_BYTES, "--run");
  const whole = (value: unknown, least: number) => Number.isSafeInteger(value) && Number(value) >= least;
  if (isObject(found) && found.format === "engram-ts run" && found.version === 1 && whole(found.seed, 0)) {
    const { spec, seed, batch, config } = found;
    const store = TRAIN_STORES.find((one) => one === (found.store ?? "dram"));
    if (store !== undefined && isObject(batch) && whole(batch.rows, 1) && whole(batch.length, 2) && isObject(config)) {
      const checked = config as unknown as TrainingConfigInput; // checked by the next line
      trainingConfig(checked);
      const { rows, length } = batch;
      return {
        format: "engram-ts run",
        version: 1,
        spec: parseModelSpec(spec),
        seed: Number(seed),
        batch: { rows: Number(rows), length: Number(length) },
        config: checked,
        store,
      };
    }
  }
  throw new EngramError({
    code: "invalid-config",
    operation: "--run",
    message: `${path} is no record of a run: format, version, spec, seed, batch and config are needed, and a store that is known; train the run anew`,
    context: { path },
  });
}

/**
 * Opens a run, at its last checkpoint where it has one.
 * @param options fresh: opens it as it was before the first step, whatever checkpoints there are. memoryBytes: for rows that
 * changed, where they lie on LMDB.
 */
export async function openTrainRun<T>(
  folder: string,
  backend: Backend<T>,
  options: { readonly fresh?: boolean; readonly memoryBytes?: number } = {},
): Promise<TrainRun<T>> {
  const record = await readTrainRun(folder);
  const { spec, seed, batch, config, store = "dram" } = record;
  const training = await openTokenShards(tokensFolder(folder), "training");
  const { tokenizer } = training;
  const addressed = spec.memory?.addressing.vocabSize;
  const needsMap = addressed !== undefined && addressed !== spec.vocabSize;
  const tokenMap = needsMap ? buildTokenMap(tokenizer.vocabulary, { keys: true }) : undefined;
  const checkpoints = checkpointFolder(join(folder, "checkpoints"));
  const latest = options.fresh === true ? undefined : await checkpoints.latest();
  const stored = await openTrainTables(folder, {
    ...{ spec, store, seed, step: latest?.step ?? 0 },
    ...(options.memoryBytes !== undefined && { memoryBytes: options.memoryBytes }),
  });
  const parameters = randomParameters(backend, spec, { seed });
  const model = createModel({ spec, backend, parameters, ...(tokenMap && { tokenMap }) });
  const source = tokenSource(training, { ...batch, packing: "rows", seed });
  let trainer: Trainer<T> | undefined;
  const close = async (): Promise<void> => {
    trainer?.close();
    backend.dispose(parameters.values());
    await stored.close();
  };
  try {
    trainer = await createTrainer({ model, tables: stored.tables, source, config });
    if (latest !== undefined) await trainer.restore(latest.storage);
    stored.saved(trainer.step);
  } catch (error) {
    await close();
    throw error;
  }
  const saving: CheckpointFolder = {
    ...checkpoints,
    save: (saved, saveOptions) =>
      checkpoints.save(
        {
          step: saved.step,
          async save(storage, options) {
            await saved.save(storage, options);
            if (saved === trainer) stored.saved(saved.step);
          },
        },
        saveOptions,
      ),
  };
  const rows = new Map([...stored.tables].map(([layer, table]) => [layer, table.rows]));
  return { folder, record, tokenizer, tokenMap, model, trainer, tables: rows, checkpoints: saving, training, close };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
