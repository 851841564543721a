// A training run on an engine of this package: the trainer as its users have it, tables in memory, text read and packed as
// it goes. Not here: processes (training-server.ts).

import { type Backend, createModel, loadCheckpoint, modelParameters, type RowStore, uploadUse } from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import { directoryStorage } from "@engram-ts/store-file";
import {
  createTrainer,
  evaluate,
  initializeBytes,
  initialRows,
  momentsTable,
  type TrainedTable,
  type TrainingConfigInput,
  tablesOf,
  tokenSource,
} from "@engram-ts/train";
import { heldBatches, WEIGHT_SEED } from "./training-fixture.js";
import type { BatchSize, TrainingRun } from "./training-run.js";
import { openTrainingText } from "./training-text.js";

/** What a run is. JSON. */
export interface OwnRunOptions {
  /** Folder of the token shards. */
  readonly text: string;
  /** Folder of the parameters to start from. */
  readonly checkpoint: string;
  readonly size: BatchSize;
  /** Of the order of the text. */
  readonly dataSeed: number;
  readonly config: TrainingConfigInput;
  /** Most tokens of the held-out text. */
  readonly heldTokens: number;
}

/** Opens a run; the backend stays the caller's. */
export async function openOwnRun<T>(backend: Backend<T>, options: OwnRunOptions): Promise<TrainingRun> {
  const { size, dataSeed, config } = options;
  const [text, saved] = await Promise.all([
    openTrainingText(options.text),
    loadCheckpoint(directoryStorage(options.checkpoint)),
  ]);
  const { spec } = saved;
  const uses = new Map(modelParameters(spec).map((one) => [one.name, uploadUse(one)]));
  const parameters = new Map<string, T>();
  for (const [name, { shape, values }] of saved.parameters) {
    parameters.set(name, backend.upload(values, shape, uses.get(name)));
  }
  const model = createModel({ spec, backend, parameters, tokenMap: text.tokenMap });
  const tables = new Map<number, TrainedTable>();
  for (const [layer, table] of tablesOf(spec)) {
    const initial = initialRows({ seed: WEIGHT_SEED, layer, width: table.encoding.width });
    const rows = dramStore({ table, initialize: initializeBytes(table, initial) });
    tables.set(layer, { rows, moments: dramStore({ table: momentsTable(table) }), initial });
  }
  const source = tokenSource(text.training, { ...size, packing: "rows", seed: dataSeed });
  const trainer = await createTrainer({ model, tables, source, config });
  const [fence] = [...parameters.values()].slice(-1);
  return {
    async steps(count) {
      const losses: number[] = [];
      const norms: number[] = [];
      const seconds: Record<string, number> = {};
      const begin = process.hrtime.bigint();
      for (let i = 0; i < count; i++) {
        const step = await trainer.takeStep();
        losses.push(step.loss);
        norms.push(step.gradientNorm);
        for (const [phase, taken] of Object.entries(step.seconds)) seconds[phase] = (seconds[phase] ?? 0) + taken;
      }
      if (fence !== undefined) await backend.download(fence); // what a step leaves running belongs to it
      return { ns: Number(process.hrtime.bigint() - begin), losses, norms, seconds };
    },
    async evaluate() {
      const stores = new Map([...tables].map(([layer, { rows }]) => [layer, rows]));
      return (await evaluate(model, heldBatches(text, size, options.heldTokens), { tables: stores })).loss;
    },
    async values(name) {
      const table = tables.get(Number(name));
      if (table !== undefined) return allRows(table.rows);
      const tensor = parameters.get(name);
      if (tensor === undefined) throw new Error(`there is no parameter ${name}`);
      return backend.download(tensor);
    },
    async close() {
      trainer.close();
      backend.dispose(parameters.values());
      for (const { rows, moments } of tables.values()) await Promise.all([rows.close(), moments.close()]);
    },
  };
}

async function allRows(store: RowStore): Promise<Float32Array> {
  const { rows, encoding } = store.table;
  const values = new Float32Array(rows * encoding.width);
  const { maxBatch } = store.capabilities;
  for (let first = 0; first < rows; first += maxBatch) {
    const ticket = store.prefetch(Uint32Array.from({ length: Math.min(maxBatch, rows - first) }, (_, i) => first + i));
    await ticket.ready;
    ticket.decode(values.subarray(first * encoding.width, (first + ticket.length) * encoding.width));
    ticket.release();
  }
  return values;
}
