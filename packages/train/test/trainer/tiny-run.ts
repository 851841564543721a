// A model of a few thousand values that has every part that training treats apart: a tied head, experts with a balancing
// bias, two tables, a convolution, hyper-connections; tokens that can be learned; tables in memory.

import {
  createModel,
  type Model,
  type ModelSpec,
  modelBuilder,
  type ReferenceTensor,
  randomParameters,
  referenceBackend,
} from "@engram-ts/core";
import { dramStore } from "@engram-ts/store-dram";
import type { TokenBatch, TokenSource } from "../../src/data/token-batch.js";
import { momentsTable, type TrainedTable } from "../../src/optimizers/row-optimizer.js";
import { fillRows, initialRows, tablesOf } from "../../src/trainer/initial-rows.js";
import { createTrainer, type Trainer } from "../../src/trainer/trainer.js";
import type { TrainingConfigInput } from "../../src/trainer/training-config.js";

const VOCABULARY = 24;

export function tinySpec(head: "tied" | "separate" = "tied"): ModelSpec {
  return modelBuilder({ vocabSize: VOCABULARY, width: 8, contextTokens: 64, head })
    .streams({ kind: "mhc", count: 2, sinkhornIterations: 3 })
    .memory(
      { kind: "engram", vocabSize: VOCABULARY, seed: 0, tableSizes: [50, 50], headsPerOrder: 2, padId: 0 },
      { kind: "f32", width: 4 },
    )
    .each({ attention: { kind: "gqa", heads: 2, headDim: 4 }, feedForward: { kind: "dense", hiddenWidth: 12 } })
    .block({ engram: { kind: "engram" } })
    .block({
      engram: { kind: "engram", convolution: { kernel: 2, dilation: 2 } },
      feedForward: { kind: "moe", routedExperts: 4, sharedExperts: 1, expertWidth: 6, topK: 2 },
    })
    .build();
}

export function tinyModel(spec = tinySpec(), seed = 1): Model<ReferenceTensor> {
  const backend = referenceBackend();
  return createModel({ spec, backend, parameters: randomParameters(backend, spec, { seed }) });
}

/** Sequences in which a token follows from the two before it, from a counter that is the whole state. */
export function countingSource(tokens = 24, sequences = 2): TokenSource {
  let at = 0;
  const next = (): TokenBatch => {
    const length = tokens / sequences;
    const ids = new Uint32Array(tokens);
    const targets = new Int32Array(tokens);
    for (let s = 0; s < sequences; s++) {
      let [a, b] = [(at * 7 + s * 5) % VOCABULARY, (at * 3 + s) % VOCABULARY];
      for (let t = 0; t < length; t++) {
        ids[s * length + t] = b;
        [a, b] = [b, (5 * b + (a % 2)) % VOCABULARY];
        targets[s * length + t] = t === length - 1 ? -100 : b;
      }
    }
    at++;
    const cumulativeLengths = Uint32Array.from({ length: sequences + 1 }, (_, s) => s * length);
    return { ids, targets, cumulativeLengths, bytes: 2 * (tokens - sequences) };
  };
  return {
    next,
    state: () => ({ at }),
    restore(state) {
      at = (state as { at: number }).at; // what state gave
    },
  };
}

/** Fresh tables in memory, each with its moments. */
export async function tinyTables(spec: ModelSpec, seed = 5): Promise<Map<number, TrainedTable>> {
  const tables = new Map<number, TrainedTable>();
  for (const [layer, table] of tablesOf(spec)) {
    const initial = initialRows({ seed, layer, width: table.encoding.width });
    const rows = dramStore({ table });
    await fillRows(rows, initial);
    tables.set(layer, { rows, moments: dramStore({ table: momentsTable(table) }), initial });
  }
  return tables;
}

export const TINY_CONFIG: TrainingConfigInput = {
  steps: 20,
  learningRate: 0.02,
  schedule: { kind: "cosine", warmupSteps: 2, floor: 0.1 },
};

/** A run of the tiny model. */
export async function tinyTrainer(
  config: Partial<TrainingConfigInput> = {},
  spec = tinySpec(),
  source = countingSource(),
): Promise<Trainer<ReferenceTensor>> {
  const model = tinyModel(spec);
  return createTrainer({ model, tables: await tinyTables(spec), source, config: { ...TINY_CONFIG, ...config } });
}

/** Everything that a step changes, as numbers. */
export async function contentsOf({ model, tables }: Trainer<ReferenceTensor>): Promise<Map<string, number[]>> {
  const contents = new Map([...model.parameters].map(([name, { values }]) => [name, [...values]]));
  for (const [layer, table] of tables) {
    for (const [name, store] of [
      ["rows", table.rows],
      ["moments", table.moments],
    ] as const) {
      const { rows, encoding } = store.table;
      const ticket = store.prefetch(Uint32Array.from({ length: rows }, (_, row) => row));
      await ticket.ready;
      const values = new Float32Array(rows * encoding.width);
      ticket.decode(values);
      ticket.release();
      contents.set(`${name} ${layer}`, [...values]);
    }
  }
  return contents;
}
